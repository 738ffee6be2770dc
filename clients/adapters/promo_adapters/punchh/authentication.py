"""Checks that a request comes from Punchh: the four modes of its Webhooks Manager.

Everything is compared in constant time. The digest is that of path, query and raw body, so it is checked before
anything looks into the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Protocol

from promo_adapters.punchh.settings import WebhookSettings

_DIGESTS = {"hmac-sha1": hashlib.sha1, "hmac-sha256": hashlib.sha256}


class Authentication(Protocol):
    """One mode."""

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether the headers are worth reading the body for."""
        ...

    def verifies(self, headers: Mapping[str, str], target: bytes, body: bytes) -> bool:
        """Return whether Punchh has sent this; `target` is path and query as they came over the wire."""
        ...


class FixedHeader:
    """`basic` and `bearer`: one authorization header, always the same."""

    def __init__(self, scheme: str, credentials: str) -> None:
        """Expect `credentials` under `scheme`, in lower case."""
        self._scheme = scheme
        self._credentials = credentials.encode()

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether the header is right."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(credentials.strip().encode(), self._credentials)
        return same and scheme.lower() == self._scheme

    def verifies(self, headers: Mapping[str, str], target: bytes, body: bytes) -> bool:
        """Return the same; there is nothing to see in the body."""
        del target, body
        return self.admits(headers)


class Digest:
    """`hmac`: a digest over path, query and raw body, and the client it belongs to."""

    def __init__(self, mode: str, client: str, secret: str) -> None:
        """Expect digests that `client` makes with `secret`."""
        self._algorithm = _DIGESTS[mode]
        self._client = client.encode()
        self._secret = secret.encode()

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether a digest of the right length and the right client are named."""
        scheme, _, digest = headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(headers.get("x-pch-key", "").encode(), self._client)
        return known and scheme.lower() == "hmac" and len(digest.strip()) == 2 * self._algorithm().digest_size

    def verifies(self, headers: Mapping[str, str], target: bytes, body: bytes) -> bool:
        """Return whether the digest is that of this request."""
        digest = headers.get("authorization", "").partition(" ")[2].strip().lower()
        expected = hmac.new(self._secret, target + body, self._algorithm).hexdigest()
        return self.admits(headers) and hmac.compare_digest(digest.encode(), expected.encode())


def authentication(settings: WebhookSettings) -> Authentication:
    """Return the configured mode. Raises SettingsError when its secret is missing."""
    secret = settings.shared_secret()
    if settings.auth == "basic":
        return FixedHeader("basic", base64.b64encode(f"{settings.username}:{secret}".encode()).decode())
    if settings.auth == "bearer":
        return FixedHeader("bearer", secret)
    return Digest(settings.auth, settings.client, secret)
