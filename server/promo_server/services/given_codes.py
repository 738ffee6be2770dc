"""Keeps codes that callers give apart from all others, both ways.

A given code is never equal to a stored code of the project nor to a computed one that was issued; where a layout could
spell it later, the layout skips it.
"""

from __future__ import annotations

from collections.abc import Sequence

from promo_server.domain.layout import RegisteredLayout
from promo_server.services.ports import NO_CODE, Codec, CodeKernel, UnitOfWork


class GivenCodes:
    """Checks codes in a transaction that has locked the project."""

    def __init__(self, kernel: CodeKernel) -> None:
        """Keep what checking needs."""
        self._kernel = kernel
        self._codecs: dict[tuple[str, bytes], Codec] = {}

    async def taken(self, unit: UnitOfWork, project_id: str, codes: Sequence[str]) -> set[str]:
        """Return those of the distinct codes that the project has, and make layouts skip the others."""
        taken = await unit.stored_codes.existing(project_id, codes)
        text = "\n".join(codes).encode()
        skips: list[tuple[RegisteredLayout, list[tuple[str, int]]]] = []
        for layout in await unit.layouts.all_of(project_id):
            indices = self._codec(layout).decode_lines(text)
            spelled = [(code, index) for code, index in zip(codes, indices, strict=True) if index != NO_CODE]
            taken.update(code for code, index in spelled if index < layout.next_index)
            skips.append((layout, spelled))
        for layout, spelled in skips:
            free = {index for code, index in spelled if code not in taken}
            await unit.layouts.skip(project_id, layout.number, sorted(free))
        return taken

    def _codec(self, layout: RegisteredLayout) -> Codec:
        key = (layout.specification, layout.wrapped_key)
        if key not in self._codecs:
            self._codecs[key] = self._kernel.codec(*key)
        return self._codecs[key]
