"""Settings and engine agree on how many partitions a store can have."""

from __future__ import annotations

import pytest
from annotated_types import Ge, Le

from promo_server.settings import StoreSettings
from promo_server.store import keys

BOUNDS = StoreSettings.model_fields["partitions"].metadata
LEAST = next(bound.ge for bound in BOUNDS if isinstance(bound, Ge))
MOST = next(bound.le for bound in BOUNDS if isinstance(bound, Le))


def test_the_engine_has_room_for_as_many_partitions_as_can_be_set() -> None:
    names = {keys.ledger("p", partition) for partition in range(MOST)}
    assert len(names) == MOST
    assert {keys.bundle("p", number, MOST).split("}")[0] for number in range(MOST)} == {
        name.split("}")[0] for name in names
    }
    assert {keys.bundle("p", number, LEAST).split("}")[0] for number in range(MOST)} == {"{p:00"}


def test_the_engine_has_no_room_for_more() -> None:
    with pytest.raises(OverflowError):
        keys.bundle("p", 1, MOST + 1)
