"""The Python side's way to the store, over redis-py."""
