"""Generated stubs of the promo.v1 contract; made by scripts/proto, never edited."""
