"""The control plane's gRPC side: thin servicers, mapping, statuses. It listens on a private socket only."""
