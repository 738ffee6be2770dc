"""Messages of promo.v1 to domain values and back. Shape checks happen here, and list every violation."""
