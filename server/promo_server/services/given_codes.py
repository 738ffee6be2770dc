"""Keeps codes that callers give apart from all others, both ways.

A given code is never equal to a stored code of the project nor to a computed one that was issued; where a layout could
spell it later, the layout skips it.
"""

from __future__ import annotations

from collections.abc import Sequence

from promo_server.domain.layout import RegisteredLayout
from promo_server.services.codecs import Codecs
from promo_server.services.ports import NO_CODE, UnitOfWork


class GivenCodes:
    """Checks codes in a transaction that has locked the project."""

    def __init__(self, codecs: Codecs) -> None:
        """Keep what reads computed codes."""
        self._codecs = codecs

    async def taken(self, unit: UnitOfWork, project_id: str, codes: Sequence[str]) -> set[str]:
        """Return those of the distinct codes that the project has, and make layouts skip the others."""
        taken = await unit.stored_codes.existing(project_id, codes)
        text = "\n".join(codes).encode()
        skips: list[tuple[RegisteredLayout, list[tuple[str, int]]]] = []
        for layout in await unit.layouts.all_of(project_id):
            indices = self._codecs(layout).decode_lines(text)
            spelled = [(code, index) for code, index in zip(codes, indices, strict=True) if index != NO_CODE]
            taken.update(code for code, index in spelled if index < layout.next_index)
            skips.append((layout, spelled))
        for layout, spelled in skips:
            free = {index for code, index in spelled if code not in taken}
            await unit.layouts.skip(project_id, layout.number, sorted(free))
        return taken
