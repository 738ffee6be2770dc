"""Tells without any connection whether a code was issued, with the verification key of its campaign.

What it promises: a code that was issued before the key was exported is recognised, and no code of another campaign is.
A text that somebody made up passes with the odds of a guess: the codes issued over those that the layout spells, which
`forgery_odds` says. What it cannot know: whether a code was used, disabled or deleted, whether its campaign is over,
and codes that were issued after the export.

The key can make every code of the campaign. Keep it as secret as the codes.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from promo_server.kernel.codes import NO_CODE, Codec, InvalidLayoutError, check_layout, rewrap_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FORMAT: Final = "promo-verification-key-1"
_MASTER_BYTES = 32


class InvalidKeyError(ValueError):
    """A text that is no verification key."""


@dataclass(frozen=True, slots=True)
class KeySubject:
    """What a key is of: the campaign, its layout and index ranges, and when it was exported, ms since 1970 UTC."""

    campaign_id: str
    campaign: str
    specification: str
    ranges: Sequence[tuple[int, int]]
    export_ms: int


def verification_key(subject: KeySubject, wrapped_key: bytes, master: bytes) -> bytes:
    """Return the verification key of a campaign, whose layout key is wrapped by `master`, as a JSON document."""
    own = secrets.token_bytes(_MASTER_BYTES)
    document = {
        "format": FORMAT,
        "campaign_id": subject.campaign_id,
        "campaign": subject.campaign,
        "layout": json.loads(subject.specification),
        "ranges": [list(part) for part in subject.ranges],
        "export_ms": subject.export_ms,
        "secret": base64.b64encode(own + rewrap_key(wrapped_key, master, own)).decode("ascii"),
    }
    return json.dumps(document, separators=(",", ":")).encode()


class IssuedCodes:
    """The codes of one campaign, as far as they were issued when its key was exported. Threads may share one."""

    def __init__(self, key: bytes | str) -> None:
        """Read a verification key; raise InvalidKeyError when the text is none."""
        try:
            document: dict[str, Any] = json.loads(key)
            if document["format"] != FORMAT:
                raise InvalidKeyError(f"a key of another format: {str(document['format'])[:64]!r}")
            secret = base64.b64decode(document["secret"], validate=True)
            specification = json.dumps(document["layout"])
            self._ranges = [(int(start), int(end)) for start, end in document["ranges"]]
            self._codec = Codec(specification, secret[_MASTER_BYTES:], secret[:_MASTER_BYTES])
            self._domain = check_layout(specification, 1, 1.0).domain
            self.campaign_id, self.campaign = str(document["campaign_id"]), str(document["campaign"])
            self.export_ms = int(document["export_ms"])
            self._codec.locate_lines(b"", self._ranges)  # what is wrong with the ranges shows now
        except (LookupError, TypeError, ValueError, OverflowError, binascii.Error, InvalidLayoutError) as error:
            if isinstance(error, InvalidKeyError):
                raise
            raise InvalidKeyError("no verification key; export one with `promo codes key`") from None

    @property
    def issued_count(self) -> int:
        """How many codes the campaign had, words that a blocklist leaves out included."""
        return sum(end - start for start, end in self._ranges)

    @property
    def forgery_odds(self) -> float:
        """How likely a text in the right form that somebody made up is taken for an issued code."""
        return self.issued_count / self._domain

    def write_file(
        self,
        path: Path,
        *,
        first: int = 0,
        end: int = NO_CODE,
        resume: bool = False,
        threads: int = 1,
        progress: Callable[[int, int], object] = lambda _codes, _next_position: None,
    ) -> int:
        """Write the codes of positions `[first, end)`, each on a line, as `Codec.write_file` does."""
        return self._codec.write_file(
            path, self._ranges, first=first, end=end, resume=resume, threads=threads, progress=progress
        )

    def position_of(self, code: str) -> int | None:
        """Return the rank of a code, as a person would type it, among those of the campaign; None if not issued."""
        (position,) = self.positions_of([code])
        return position

    def positions_of(self, codes: Sequence[str]) -> list[int | None]:
        """Return the position of each code, None where it was not issued."""
        if not codes:
            return []
        text = "\n".join(code.replace("\n", " ").strip() for code in codes).encode(errors="replace")
        found = self._codec.locate_lines(text + b"\n", self._ranges)
        return [None if position == NO_CODE else position for position in found]
