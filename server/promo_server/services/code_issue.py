"""Gives codes to a campaign: a range of its layout's indices, or stored codes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from promo_server.domain.access import Project
from promo_server.domain.campaign import Campaign, CodeBatch, CodeMode
from promo_server.domain.code_space import (
    GIVEN,
    MAXIMUM_STORED,
    OVERLAP,
    ModeChoice,
    Shortage,
    choose_mode,
    require_stored_room,
)
from promo_server.domain.identifiers import RANDOM_BYTES, resource_id
from promo_server.domain.layout import CodeLayout, IndexRange, RegisteredLayout, TakenRange
from promo_server.services import pending
from promo_server.services.open_imports import require_no_import
from promo_server.services.ports import NO_CODE, CodeKernel, Entropy, LayoutFacts, UnitOfWork
from promo_server.services.stored_draw import StoredDraw

_TOO_MANY = Shortage(
    f"the codes of this campaign are stored, at most {MAXIMUM_STORED} in one step",
    "ask for fewer, or use a campaign with a layout of its own",
)
_CROWDED = Shortage("stored codes and blocked words leave too few", "use one random symbol more")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the codes of a new campaign live: the mode, the project after it, and the layout of computed codes."""

    choice: ModeChoice
    project: Project
    layout: RegisteredLayout | None


class CodeIssue:
    """Decides where the codes of a campaign live, and issues them.

    Every method runs in a transaction that has locked the project, so ranges never meet.
    """

    def __init__(self, kernel: CodeKernel, entropy: Entropy) -> None:
        """Keep what issuing needs."""
        self._kernel = kernel
        self._entropy = entropy
        self._draw = StoredDraw(kernel, entropy)

    def facts(self, layout: CodeLayout, count: int) -> LayoutFacts:
        """Return what the kernel finds out about a layout for `count` codes; refuse one that contradicts itself."""
        return self._kernel.check_layout(layout, count)

    async def place(self, unit: UnitOfWork, project: Project, facts: LayoutFacts, count: int) -> Placement:
        """Return where `count` codes of a new campaign will live; a new layout gets a key of its own."""
        if not count:
            return Placement(GIVEN, project, None)
        layouts = await unit.layouts.all_of(project.id)
        same = next((layout for layout in layouts if layout.fingerprint == facts.fingerprint), None)
        taken = same.next_index if same else 0
        shortage = self._kernel.shortage(facts.specification, taken + count)
        if any(self._overlaps(other, facts) for other in layouts):
            shortage = OVERLAP
        choice = choose_mode(shortage, count)
        if shortage is not None:
            require_stored_room(facts.domain, taken, count, shortage)
            return Placement(choice, project, None)
        if same is not None:
            return Placement(choice, project, same)
        layout = await self._register(unit, project, facts)
        return Placement(choice, replace(project, next_layout_number=layout.number + 1), layout)

    def require_stored_room(self, campaign: Campaign, count: int) -> None:
        """Refuse with CODE_SPACE_TOO_SMALL when a campaign with stored codes cannot get `count` more."""
        if count > MAXIMUM_STORED:
            raise _TOO_MANY.refusal(count)
        facts = self.facts(campaign.layout, 1)
        require_stored_room(facts.domain, campaign.code_count, count, _CROWDED)

    def _overlaps(self, other: RegisteredLayout, facts: LayoutFacts) -> bool:
        if other.fingerprint == facts.fingerprint:
            return False
        return self._kernel.overlap(other.specification, facts.specification)

    async def _register(self, unit: UnitOfWork, project: Project, facts: LayoutFacts) -> RegisteredLayout:
        layout = RegisteredLayout(
            project_id=project.id,
            number=project.next_layout_number,
            specification=facts.specification,
            fingerprint=facts.fingerprint,
            wrapped_key=self._kernel.new_key(),
            capacity=facts.domain,
            next_index=0,
        )
        await unit.layouts.insert(layout)
        await self._skip_stored_codes(unit, layout)
        return layout

    async def _skip_stored_codes(self, unit: UnitOfWork, layout: RegisteredLayout) -> None:
        """Keep indices free of campaigns where stored codes are spelled the same."""
        codec = self._kernel.codec(layout.specification, layout.wrapped_key)
        for campaign_id, other in await unit.stored_codes.layouts_in_use(layout.project_id):
            if other and not self._kernel.overlap(self.facts(other, 1).specification, layout.specification):
                continue
            last = -1
            while codes := await unit.stored_codes.after(campaign_id, last, 10_000):
                spelled = codec.decode_lines("\n".join(code for _, code in codes).encode())
                await unit.layouts.skip(layout.project_id, layout.number, sorted(set(spelled) - {NO_CODE}))
                last = codes[-1][0]

    async def issue(
        self,
        unit: UnitOfWork,
        campaign: Campaign,
        count: int,
        now_ms: int,
        *,
        layout: RegisteredLayout | None = None,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> CodeBatch:
        """Give `count` more codes to a campaign and return them as a batch.

        `campaign.code_count` is how many it has; `layout` is its layout, where the caller has it at hand.
        """
        await require_no_import(unit, campaign)
        if campaign.code_mode is CodeMode.ARITHMETIC:
            layout = layout or await self._layout_of(unit, campaign)
            first = await self._take_range(unit, campaign, layout, count)
        else:
            first = campaign.code_count
            await self._draw.into(unit, campaign, count, progress)
            await unit.pending.add([pending.stored_codes(campaign.project_id, campaign.number, first, count)])
        batch = CodeBatch(
            id=resource_id("cb", self._entropy(RANDOM_BYTES)),
            project_id=campaign.project_id,
            campaign_id=campaign.id,
            code_count=count,
            first_position=first,
            create_ms=now_ms,
        )
        await unit.batches.insert(batch)
        return batch

    @staticmethod
    async def _layout_of(unit: UnitOfWork, campaign: Campaign) -> RegisteredLayout:
        layouts = await unit.layouts.all_of(campaign.project_id)
        return next(layout for layout in layouts if layout.number == campaign.layout_number)

    async def _take_range(self, unit: UnitOfWork, campaign: Campaign, layout: RegisteredLayout, count: int) -> int:
        shortage = self._kernel.shortage(layout.specification, layout.next_index + count)
        if shortage is not None:
            raise shortage.refusal(count)
        codec = self._kernel.codec(layout.specification, layout.wrapped_key)
        before = await unit.layouts.campaign_ranges(campaign.id) if campaign.code_count else ()
        first = position = before[-1].first_position + before[-1].range.size if before else 0
        start, left, taken = layout.next_index, count, list[TakenRange]()
        while left:
            # A blocklist has every code of the range spelled, which would keep the event loop for long.
            look = partial(codec.end_of_range, start, left)
            end = await asyncio.to_thread(look) if campaign.layout.blocklist else look()
            if end is None:
                raise _CROWDED.refusal(count)
            skips = await unit.layouts.skips_from(campaign.project_id, layout.number, start, end)
            for piece in _without(IndexRange(start, end), skips):
                taken.append(TakenRange(layout.number, piece, campaign.number, position))
                position += piece.size
            left = len(skips)  # a stored code is never blocked, so each skip costs one code
            start = end
        await unit.layouts.take(campaign.project_id, campaign.id, _joined(taken))
        await unit.layouts.advance(replace(layout, next_index=start))
        return first


def _without(whole: IndexRange, skips: Sequence[int]) -> list[IndexRange]:
    """Return what is left of a range without the skipped indices."""
    pieces, start = [], whole.start
    for index in skips:
        if index > start:
            pieces.append(IndexRange(start, index))
        start = index + 1
    if start < whole.end:
        pieces.append(IndexRange(start, whole.end))
    return pieces


def _joined(taken: Sequence[TakenRange]) -> list[TakenRange]:
    """Return ranges with neighbours joined."""
    joined: list[TakenRange] = []
    for part in taken:
        if joined and joined[-1].range.end == part.range.start:
            joined[-1] = replace(joined[-1], range=IndexRange(joined[-1].range.start, part.range.end))
        else:
            joined.append(part)
    return joined
