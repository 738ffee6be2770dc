from __future__ import annotations

import pytest

from promo_server.cli.doctor import _text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("redis://user:hidden@store:6379/0", "redis://***@store:6379/0"),
        ("redis://store:6379/0?password=hidden&db=1", "redis://store:6379/0?***"),
        ("redis://hidden@store", "redis://***@store"),
        ("unix:///run/store.sock", "unix:///run/store.sock"),
        ("embedded:", "embedded:"),
    ],
)
def test_no_password_of_a_url_is_shown(value: str, shown: str) -> None:
    assert _text(value) == shown
