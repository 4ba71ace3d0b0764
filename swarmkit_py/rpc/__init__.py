"""How a node and a manager talk: messages over a WebSocket over mutual TLS on port 2377."""
