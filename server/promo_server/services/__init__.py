"""Use cases of the control plane: load, decide, write in one transaction, publish."""
