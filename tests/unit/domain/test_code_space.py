from __future__ import annotations

import pytest

from promo_server.domain.campaign import CodeMode
from promo_server.domain.code_space import MAXIMUM_STORED, OVERLAP, choose_mode, require_stored_room
from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason


def test_codes_with_room_are_computed() -> None:
    assert choose_mode(None, 10**9).mode is CodeMode.ARITHMETIC


def test_codes_without_room_are_stored_up_to_a_million() -> None:
    choice = choose_mode(OVERLAP, MAXIMUM_STORED)
    assert choice.mode is CodeMode.STORED
    assert OVERLAP.problem in choice.reason
    with pytest.raises(DomainError) as refused:
        choose_mode(OVERLAP, MAXIMUM_STORED + 1)
    assert refused.value.reason is Reason.CODE_SPACE_TOO_SMALL
    assert refused.value.metadata["suggestion"] == OVERLAP.suggestion


def test_stored_codes_fill_at_most_half_of_their_space() -> None:
    require_stored_room(100, 20, 30, OVERLAP)
    with pytest.raises(DomainError):
        require_stored_room(100, 20, 31, OVERLAP)
