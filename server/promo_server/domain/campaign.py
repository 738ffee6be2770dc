"""A discount-coupon campaign and its life cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from promo_server.domain.definition import CampaignDefinition
from promo_server.domain.errors import DomainError
from promo_server.domain.layout import CodeLayout
from promo_server.domain.reasons import Reason


class CodeMode(StrEnum):
    """Where the codes of a campaign live."""

    ARITHMETIC = "arithmetic"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign as SQL has it.

    `number` is unique in the project and never reused; keys in the store carry it. `version` grows with every change.
    `layout_number` is None for stored codes. A `standalone` one is to people no campaign but a voucher. `given_codes`
    says whether it has codes that callers gave; `named_count` is how many of those it has beside computed ones.
    """

    id: str
    number: int
    project_id: str
    name: str
    definition: CampaignDefinition
    layout: CodeLayout
    code_count: int
    code_mode: CodeMode
    code_mode_reason: str
    create_ms: int
    update_ms: int
    version: int = 1
    layout_number: int | None = None
    description: str = ""
    join_once: bool = False
    auto_grow: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    deleted: bool = False
    standalone: bool = False
    given_codes: bool = False
    named_count: int = 0

    @property
    def etag(self) -> str:
        """Text that changes with every change of the campaign."""
        return f"{self.number}.{self.version}"

    def require_etag(self, etag: str) -> None:
        """Refuse with ETAG_MISMATCH unless `etag` is empty or the current one."""
        if etag and etag != self.etag:
            raise DomainError(Reason.ETAG_MISMATCH, etag=self.etag)

    def end_ms(self, publish_ms: int | None) -> int | None:
        """Return when a code that was published then ends: with the campaign or with the time after publishing."""
        validity = self.definition.validity
        ends = [] if validity.expire_ms is None else [validity.expire_ms]
        if publish_ms is not None and validity.activity_after_publishing_ms:
            ends.append(publish_ms + validity.activity_after_publishing_ms)
        return min(ends, default=None)

    def changed(self, now_ms: int, **changes: object) -> Campaign:
        """Return the campaign with some fields changed, as the next version."""
        return replace(self, update_ms=now_ms, version=self.version + 1, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class KeptCodes:
    """How many codes of a campaign are kept one by one: all of a stored campaign's, and those that callers named."""

    number: int
    stored: int
    named: int


@dataclass(frozen=True, slots=True)
class CodeBatch:
    """Codes that a campaign got in one step; `first_position` is the rank of the first among its codes."""

    id: str
    project_id: str
    campaign_id: str
    code_count: int
    first_position: int
    create_ms: int
