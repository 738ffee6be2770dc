"""Draws codes at random for campaigns whose codes are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from promo_server.domain.campaign import Campaign
from promo_server.domain.code_space import Shortage
from promo_server.domain.layout import RegisteredLayout
from promo_server.services.ports import Codec, CodeKernel, Entropy, UnitOfWork

_PIECE = 10_000
"""Codes drawn and written in one step at most."""

_FEWEST = 100
"""Codes drawn in one step at least, so that a space counts as full only when nearly all of it is in use."""

_CODEC_INDICES = 2**64 - 1
"""A codec knows the codes of at most this many indices; under a key thrown away those are as random as all."""

_FRUITLESS_STEPS = 8
"""Steps without one unused code after which the space counts as full."""

_FULL = Shortage("nearly every code that the layout spells is in use", "use one random symbol more")


class StoredDraw:
    """Draws codes that no campaign of the project has.

    A drawn code is compared with every stored one and with every issued computed one; where it falls into indices
    that a layout has not issued, the layout will skip it.
    """

    def __init__(self, kernel: CodeKernel, entropy: Entropy) -> None:
        """Keep what drawing needs."""
        self._kernel = kernel
        self._entropy = entropy

    async def into(self, unit: UnitOfWork, campaign: Campaign, count: int, progress: Callable[[int], None]) -> None:
        """Write `count` new codes after those that the campaign has; tell `progress` how many are done."""
        facts = self._kernel.check_layout(campaign.layout, count)
        # The key is thrown away: a random index under any key is a random code with the right form.
        codec = self._kernel.codec(facts.specification, self._kernel.new_key())
        rivals = [
            (layout, self._kernel.codec(layout.specification, layout.wrapped_key))
            for layout in await unit.layouts.all_of(campaign.project_id)
            if self._kernel.overlap(layout.specification, facts.specification)
        ]
        done = fruitless = 0
        while done < count:
            missing = count - done
            drawn = self._draw(codec, facts.domain, min(_PIECE, max(_FEWEST, missing)))
            free = await self._take(unit, campaign.project_id, drawn, rivals, missing)
            fruitless = 0 if free else fruitless + 1
            if fruitless == _FRUITLESS_STEPS:
                raise _FULL.refusal(count)
            if free:
                await unit.stored_codes.insert(campaign.project_id, campaign.id, campaign.code_count + done, free)
                done += len(free)
                progress(done)

    def _draw(self, codec: Codec, domain: int, count: int) -> Sequence[str]:
        """Return up to `count` distinct codes at random."""
        width = (domain.bit_length() + 64 + 7) // 8  # 64 bits more make the remainder even
        raw = self._entropy(width * count)
        indices = (
            int.from_bytes(raw[at : at + width], "big") % min(domain, _CODEC_INDICES)
            for at in range(0, len(raw), width)
        )
        return list(dict.fromkeys(code for index in indices if (code := codec.encode(index)) is not None))

    @staticmethod
    async def _take(
        unit: UnitOfWork,
        project_id: str,
        codes: Sequence[str],
        rivals: Sequence[tuple[RegisteredLayout, Codec]],
        most: int,
    ) -> Sequence[str]:
        """Return up to `most` of the codes that nothing has, and make the layouts skip them."""
        stored = await unit.stored_codes.existing(project_id, codes)
        free = [code for code in codes if code not in stored]
        for layout, codec in rivals:
            free = [code for code in free if (index := codec.decode(code)) is None or index >= layout.next_index]
        taken = free[:most]
        for layout, codec in rivals:
            places = {index for code in taken if (index := codec.decode(code)) is not None}
            await unit.layouts.skip(project_id, layout.number, sorted(places))
        return taken
