"""Generators of everything that is derived from proto/; run by scripts/proto."""
