"""How Punchh's Webhooks Manager signs what it sends: the four modes a business can choose from."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["basic", "bearer", "hmac-sha1", "hmac-sha256"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What business and receiver have agreed on."""

    mode: Mode = "hmac-sha256"
    secret: str = "SECRET"  # noqa: S105 - made up
    name: str = "CLIENT"
    """User name of basic, x-pch-key of hmac."""

    def headers(self, url: str, body: bytes) -> dict[str, str]:
        """Return the headers that go with a request; the body of a GET is empty."""
        if self.mode == "basic":
            pair = base64.b64encode(f"{self.name}:{self.secret}".encode()).decode()
            return {"authorization": f"basic {pair}"}
        if self.mode == "bearer":
            return {"authorization": f"bearer {self.secret}"}
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        algorithm = hashlib.sha1 if self.mode == "hmac-sha1" else hashlib.sha256
        digest = hmac.new(self.secret.encode(), target.encode() + body, algorithm).hexdigest()
        return {"authorization": f"hmac {digest}", "x-pch-key": self.name}
