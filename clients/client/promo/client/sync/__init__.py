"""The client for programs without an event loop: the same calls, which block.

All but `channel` and `waiting` is made by scripts/client from the asyncio
client's modules of the same names.
"""
