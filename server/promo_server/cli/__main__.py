"""`python -m promo_server.cli` is `promo`."""

from promo_server.cli import main

main()
