"""The codes kernel as the use cases see it: what is wrong with a layout is a refusal of the call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from promo_server.domain.code_space import MAXIMUM_DENSITY, Shortage
from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.domain.layout import CodeLayout, RegisteredLayout
from promo_server.domain.reasons import Reason
from promo_server.kernel import codes, verification
from promo_server.services.documents import LAYOUT


@dataclass(frozen=True, slots=True)
class CheckedLayout:
    """A layout that the kernel has accepted."""

    specification: str
    fingerprint: str
    layout: CodeLayout
    domain: int


class KernelCodes:
    """The port `CodeKernel`, under one master secret of 32 bytes."""

    def __init__(self, master: bytes) -> None:
        """Keep the master; the kernel checks its length when it is used."""
        self._master = master

    def check_layout(self, layout: CodeLayout, count: int) -> CheckedLayout:
        """Return facts about a layout, sized for `count` codes; refuse with CODE_LAYOUT_INVALID."""
        try:
            report = codes.check_layout(cast("codes.LayoutDocument", asdict(layout)), count, MAXIMUM_DENSITY)
        except codes.InvalidLayoutError as error:
            violation = Violation(f"campaign.code_layout.{error.field}", error.problem)
            raise FieldsInvalidError((violation,), Reason.CODE_LAYOUT_INVALID) from None
        return CheckedLayout(
            report.specification,
            report.fingerprint,
            LAYOUT.validate_json(report.specification),
            report.domain,
        )

    def verification_key(
        self,
        campaign_id: str,
        campaign_name: str,
        layout: RegisteredLayout,
        ranges: Sequence[tuple[int, int]],
        export_ms: int,
    ) -> bytes:
        """Return what tells whether a code of a campaign was issued, as a JSON document."""
        subject = verification.KeySubject(campaign_id, campaign_name, layout.specification, ranges, export_ms)
        return verification.verification_key(subject, layout.wrapped_key, self._master)

    def shortage(self, specification: str, count: int) -> Shortage | None:
        """Return why a canonical layout cannot hold `count` computed codes, None when it can."""
        report = codes.check_layout(specification, count, MAXIMUM_DENSITY)
        if report.problem is None:
            return None
        return Shortage(report.problem, report.suggestion or "use another layout")

    def overlap(self, first: str, second: str) -> bool:
        """Return whether two canonical layouts can spell one string."""
        return codes.layouts_overlap(first, second)

    def new_key(self) -> bytes:
        """Return a new layout key, wrapped by the master."""
        return codes.new_wrapped_key(self._master)

    def codec(self, specification: str, wrapped_key: bytes) -> codes.Codec:
        """Return the codec of a layout."""
        return codes.Codec(specification, wrapped_key, self._master)
