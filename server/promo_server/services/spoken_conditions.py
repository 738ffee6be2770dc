"""Puts what the archive knows in the place of what people say in a filter: names of campaigns, codes, vouchers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.domain.filters import Condition, Operator
from promo_server.domain.lists import ListQuery
from promo_server.services.find_code import FindCode, FoundCode
from promo_server.services.ports import UnitOfWork


class VoucherIds(Protocol):
    """How ids of vouchers are made."""

    def voucher_id(self, campaign_number: int, position: int) -> str:
        """Return the id of the voucher at a position of a campaign."""
        ...

    def place_of_voucher(self, voucher_id: str) -> tuple[int, int] | None:
        """Return campaign number and position; None when the id is no voucher's."""
        ...


_Translate = Callable[[UnitOfWork, str, str], Awaitable[Condition | None]]


class SpokenConditions:
    """Translates filters. None stands for a filter that nothing can meet."""

    def __init__(self, find_code: FindCode, voucher_ids: VoucherIds) -> None:
        """Keep what finds vouchers."""
        self._find_code = find_code
        self._ids = voucher_ids

    async def of_redemptions(self, unit: UnitOfWork, project_id: str, query: ListQuery) -> ListQuery | None:
        """Return the query with ids in the place of names of campaigns and of codes.

        Refuse two campaigns or two codes with FIELD_INVALID: conditions are compared with one use of a redemption.
        """
        asked = await _translated(unit, project_id, query, {"campaign": _campaign, "code": self._voucher})
        for field, what in (("campaign", "campaigns"), ("voucher", "codes")):
            if asked is not None and len({one.value for one in asked.conditions if one.field == field}) > 1:
                problem = f"names two {what}; uses are looked at one by one, so name one and pick among its redemptions"
                raise FieldsInvalidError((Violation("filter", problem),))
        return asked

    async def of_publications(self, unit: UnitOfWork, project_id: str, query: ListQuery) -> ListQuery | None:
        """Return the query with ids in the place of names of campaigns, and with publications in that of vouchers."""
        translate: dict[str, _Translate] = {
            "campaign": _campaign,
            "code": self._published_code,
            "voucher": self._published_voucher,
        }
        return await _translated(unit, project_id, query, translate)

    async def _voucher(self, unit: UnitOfWork, project_id: str, code: str) -> Condition | None:
        found = await self._find_code(unit, project_id, code)
        if found is None:
            return None
        return _equal("voucher", self._ids.voucher_id(found.campaign_number, found.position))

    async def _published_code(self, unit: UnitOfWork, project_id: str, code: str) -> Condition | None:
        return await _publication(unit, project_id, await self._find_code(unit, project_id, code))

    async def _published_voucher(self, unit: UnitOfWork, project_id: str, voucher_id: str) -> Condition | None:
        place = self._ids.place_of_voucher(voucher_id)
        return await _publication(unit, project_id, None if place is None else FoundCode(*place))


async def _translated(
    unit: UnitOfWork,
    project_id: str,
    query: ListQuery,
    translate: dict[str, _Translate],
) -> ListQuery | None:
    conditions = []
    for one in query.conditions:
        how = translate.get(one.field)
        condition = one if how is None else await how(unit, project_id, str(one.value))
        if condition is None:
            return None
        conditions.append(condition)
    return replace(query, conditions=tuple(conditions))


async def _campaign(unit: UnitOfWork, project_id: str, name: str) -> Condition:
    """Return the condition on the campaign's id; what is no name is taken for an id.

    A deleted campaign has no name any more, but what happened with it can be found by its id.
    """
    campaign = await unit.campaigns.find(project_id, name)
    return _equal("campaign", campaign.id if campaign else name)


async def _publication(unit: UnitOfWork, project_id: str, found: FoundCode | None) -> Condition | None:
    if found is None:
        return None
    campaign = await unit.campaigns.by_number(project_id, found.campaign_number)
    if campaign is None:
        return None
    publication_id = await unit.history.publication_of(project_id, campaign.id, found.position)
    return None if publication_id is None else _equal("id", publication_id)


def _equal(field: str, value: str) -> Condition:
    return Condition(field, Operator.EQUAL, value)
