"""The data plane of one node: namespaces, overlays over VXLAN, the ingress mesh, all through netlink and nft."""
