"""Forms of the secrets that people write down: the master secret, keys as `id:token`, and URLs with passwords."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from promo_server.operator_error import OperatorError

MASTER_SECRET_BYTES = 32
"""An AES-256 key."""

MIN_TOKEN_LENGTH = 16
"""Shorter tokens could be guessed."""

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[!-+\--~]+")  # printable, neither space nor comma


class SecretValueError(OperatorError, ValueError):
    """A secret that is not written as it should be; the text never quotes it."""


@dataclass(frozen=True, slots=True)
class BootstrapKey:
    """A key that exists from the first start."""

    id: str
    token: str = field(repr=False)

    @property
    def pair(self) -> str:
        """The key as `id:token`, which callers send and PROMO_KEY holds."""
        return f"{self.id}:{self.token}"


def parse_master_secret(text: str) -> bytes:
    """Return the 32 bytes that `text` has in hex or base64; the error never quotes it."""
    text = text.strip()
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * MASTER_SECRET_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != MASTER_SECRET_BYTES:
        raise SecretValueError(f"the master secret must be {MASTER_SECRET_BYTES} bytes in base64 or hex")
    return raw


def parse_key(text: str) -> BootstrapKey:
    """Return the key written as `id:token`; the error never quotes the token."""
    key_id, separator, token = text.strip().partition(":")
    if not separator or not _KEY_ID.fullmatch(key_id):
        raise SecretValueError("a key is written id:token, the id of letters, digits, - and _")
    if len(token) < MIN_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise SecretValueError(
            f"the token of key {key_id} needs at least {MIN_TOKEN_LENGTH} printable characters, no comma"
        )
    return BootstrapKey(key_id, token)


def parse_bootstrap_keys(text: str) -> tuple[BootstrapKey, ...]:
    """Return the keys of a comma separated list; an id stands in it once."""
    keys = tuple(parse_key(part) for part in text.split(",") if part.strip())
    if len({key.id for key in keys}) != len(keys):
        raise SecretValueError("two keys have the same id")
    return keys


def without_secrets(url: str) -> str:
    """Return a URL without what can be a password: who connects, and the options behind the ?."""
    address, asked, _ = url.partition("?")
    scheme, _, rest = address.partition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}://{'***@' if at else ''}{place}{'?***' if asked else ''}"
