"""Requests for pages, and their answers' common parts."""

from __future__ import annotations

from typing import Protocol, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from promo_server.domain.access import Caller
from promo_server.domain.filters import Condition, FilterError, parse_filter
from promo_server.domain.lists import Listed, Listing, ListQuery, decode_place, encode_place
from promo_server.domain.paging import DEFAULT_PAGE_SIZE, MAXIMUM_PAGE_SIZE
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.times import timestamp

Row = TypeVar("Row")


class ListRequest(Protocol):
    """The fields that every request for a page has."""

    page_size: int
    page_token: str
    filter: str
    order_by: str


class ListAnswer(Protocol):
    """The fields that every page has."""

    next_page_token: str

    @property
    def stale_since(self) -> Timestamp: ...


def query(listing: Listing, caller: Caller, request: ListRequest) -> ListQuery:
    """Return what a request asks for; refuse with FIELD_INVALID or PAGE_TOKEN_INVALID."""
    checks = Checks()
    if request.page_size:
        checks.number("page_size", request.page_size, 1, MAXIMUM_PAGE_SIZE)
    conditions: tuple[Condition, ...] = ()
    sort = listing.default
    try:
        conditions = parse_filter(request.filter, listing.fields)
    except FilterError as error:
        checks.add("filter", str(error))
    try:
        sort = listing.sort(request.order_by)
    except ValueError as error:
        checks.add("order_by", str(error))
    checks.finish()
    after = decode_place(listing, caller.project, conditions, sort, request.page_token)
    return ListQuery(conditions, sort, request.page_size or DEFAULT_PAGE_SIZE, after)


Answer = TypeVar("Answer", bound=ListAnswer)


def answer(listing: Listing, caller: Caller, asked: ListQuery, page: Listed[Row], filled: Answer) -> Answer:
    """Return the answer with the token of the next page, and since when it may lack something."""
    filled.next_page_token = encode_place(listing, caller.project, asked, page.last)
    if page.stale_since_ms is not None:
        filled.stale_since.CopyFrom(timestamp(page.stale_since_ms))
    return filled
