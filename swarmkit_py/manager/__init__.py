"""What only a manager runs: the Docker verbs on the store, and the control loops that meet in the store."""
