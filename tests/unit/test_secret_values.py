from __future__ import annotations

import base64

import pytest

from promo_server.secret_values import parse_bootstrap_keys, parse_key, parse_master_secret

RAW = bytes(range(32))


@pytest.mark.parametrize("text", [RAW.hex(), RAW.hex().upper(), base64.b64encode(RAW).decode() + "\n"])
def test_master_secret_is_read_in_hex_and_base64(text: str) -> None:
    assert parse_master_secret(text) == RAW


@pytest.mark.parametrize("text", ["", "00", RAW.hex()[:-2], RAW.hex() + "00", "x" * 44, "ü" * 64, "z" * 64])
def test_master_secret_of_another_size_or_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64 or hex"):
        parse_master_secret(text)


def test_keys_are_read_in_order_and_a_token_may_hold_a_colon() -> None:
    keys = parse_bootstrap_keys("one:aaaaaaaaaaaaaaaa, two:bbbbbbbb:bbbbbbb,")
    assert [key.pair for key in keys] == ["one:aaaaaaaaaaaaaaaa", "two:bbbbbbbb:bbbbbbb"]


@pytest.mark.parametrize(
    "text", ["token-only", ":aaaaaaaaaaaaaaaa", "a b:aaaaaaaaaaaaaaaa", "id:short", "id:aaaaaaaaaaaaaaa\x01"]
)
def test_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"id:token|token of key"):
        parse_key(text)


def test_same_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        parse_bootstrap_keys("one:aaaaaaaaaaaaaaaa,one:bbbbbbbbbbbbbbbb")
