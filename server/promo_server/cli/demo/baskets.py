"""Made-up orders of a gift shop: the same ones every time, with the long tail that real baskets have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

from promo_server.cli.replay.events import Line, Order

CUSTOMERS = 1_000
ORDERS = 2_000
SEED = 20_101_201

_CATALOGUE = {
    "WHITE HANGING HEART T-LIGHT HOLDER": 295,
    "REGENCY CAKESTAND 3 TIER": 1_275,
    "JUMBO BAG RED RETROSPOT": 208,
    "ASSORTED COLOUR BIRD ORNAMENT": 169,
    "PARTY BUNTING": 495,
    "LUNCH BAG BLACK SKULL": 165,
    "SET OF 3 CAKE TINS PANTRY DESIGN": 495,
    "NATURAL SLATE HEART CHALKBOARD": 295,
    "HEART OF WICKER SMALL": 165,
    "JAM MAKING SET WITH JARS": 425,
    "PAPER CHAIN KIT 50'S CHRISTMAS": 295,
    "VICTORIAN GLASS HANGING T-LIGHT": 125,
    "SPOTTY BUNTING": 495,
    "WOODEN PICTURE FRAME WHITE FINISH": 255,
    "ALARM CLOCK BAKELIKE RED": 375,
    "HOT WATER BOTTLE KEEP CALM": 495,
    "GARDENERS KNEELING PAD": 165,
    "RABBIT NIGHT LIGHT": 208,
    "CREAM CUPID HEARTS COAT HANGER": 275,
    "ROUND SNACK BOXES SET OF 4": 295,
    "DOORMAT UNION FLAG": 795,
    "VINTAGE HEADS AND TAILS CARD GAME": 125,
    "RED WOOLLY HOTTIE": 339,
    "SWEETHEART TRINKET BOX": 1_795,
    "FRENCH BLUE METAL DOOR SIGN": 125,
    "LOVE BUILDING BLOCK WORD": 595,
    "WOOD BLACK BOARD ANT WHITE FINISH": 645,
    "PICNIC BASKET WICKER 60 PIECES": 6_495,
}

_WHOLESALE = 0.06
"""Share of orders of other shops, which buy by the dozen."""


def baskets(orders: int = ORDERS, customers: int = CUSTOMERS, seed: int = SEED) -> Iterator[Order]:
    """Yield orders, most customers coming once and some again and again."""
    draw = random.Random(seed)  # noqa: S311 - the same orders every time
    names = [f"shopper-{number:04d}" for number in range(1, customers + 1)]
    # The n-th most loyal customer comes back half as often as one twice as loyal.
    loyalty = list(accumulate(1 / rank for rank in range(2, customers + 2)))
    buyers = [*names[:orders], *draw.choices(names, cum_weights=loyalty, k=max(0, orders - customers))]
    draw.shuffle(buyers)
    for number, buyer in enumerate(buyers, 1):
        yield Order(f"W{number:06d}", buyer, _lines(draw))


def _lines(draw: random.Random) -> tuple[Line, ...]:
    dozen = 12 if draw.random() < _WHOLESALE else 1
    products = draw.sample(list(_CATALOGUE.items()), k=min(12, 1 + int(draw.expovariate(0.3))))
    return tuple(Line(name, dozen * draw.choice((1, 1, 1, 2, 2, 3, 4, 6)), price) for name, price in products)
