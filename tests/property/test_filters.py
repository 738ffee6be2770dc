"""Filters and page tokens: what was written is read, and whatever is sent has an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from promo_server.domain.errors import DomainError
from promo_server.domain.filters import LONGEST_FILTER, Condition, FilterError, Kind, parse_filter
from promo_server.domain.lists import LISTINGS, Listing, decode_place
from promo_server.domain.reasons import Reason

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
PIECES = st.sampled_from(
    [
        "customer",
        "state",
        "amount",
        "redeem_time",
        "AND",
        "OR",
        "=",
        "<=",
        "!=",
        '"',
        "'",
        "\\",
        "(",
        ")",
        " ",
        "1",
        ":",
    ]
)


@st.composite
def conditions(draw: st.DrawFn, listing: Listing) -> tuple[Condition, str]:
    """A condition, and one way to write it."""
    name = draw(st.sampled_from(sorted(listing.fields)))
    field = listing.fields[name]
    operator = draw(st.sampled_from(field.operators))
    space = draw(st.sampled_from(["", " ", "\n "]))
    match field.kind:
        case Kind.NUMBER:
            value: str | int = draw(st.integers(-(10**18) + 1, 10**18 - 1))
            written = str(value)
        case Kind.TIME:
            at = draw(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)))  # noqa: DTZ001 - a zone is given
            at = at.replace(tzinfo=UTC, microsecond=at.microsecond // 1000 * 1000)
            value = (at - EPOCH) // timedelta(milliseconds=1)
            written = at.isoformat(timespec="milliseconds")
        case Kind.STATE:
            value = written = draw(st.sampled_from(field.words))
        case _:
            value = draw(TEXTS)
            quote = draw(st.sampled_from("\"'"))
            escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
            written = f"{quote}{escaped}{quote}"
    return Condition(name, operator, value), f"{name}{space}{operator}{space}{written}"


@given(st.data())
def test_what_is_written_is_read(data: st.DataObject) -> None:
    listing = data.draw(st.sampled_from(LISTINGS))
    wanted = data.draw(st.lists(conditions(listing), max_size=6))
    text = " AND ".join(written for _, written in wanted)
    if len(text) <= LONGEST_FILTER:
        assert parse_filter(text, listing.fields) == tuple(condition for condition, _ in wanted)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join), st.binary().map(lambda raw: raw.decode("latin-1"))))
@example("customer = \ud800")
def test_any_text_is_a_filter_or_refused_with_a_place_in_it(text: str) -> None:
    for listing in LISTINGS:
        refused = None
        try:
            parse_filter(text, listing.fields)
        except FilterError as error:
            refused = error
        assert refused is None or 1 <= refused.position <= len(text) + 1


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.hex()), st.text("AQgw-_=", max_size=80)))
def test_any_text_is_a_page_token_or_refused(token: str) -> None:
    for listing in LISTINGS:
        refused = None
        try:
            decode_place(listing, "p1", (), listing.default, token)
        except DomainError as error:
            refused = error
        assert refused is None or refused.reason is Reason.PAGE_TOKEN_INVALID
