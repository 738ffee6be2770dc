"""The promotion engine's contract (promo.v1) and its client (promo.client)."""
