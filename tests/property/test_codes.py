"""The compiled module agrees with the oracle, for layouts of every shape."""

from functools import cache
from string import ascii_letters, digits, punctuation

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles.aes import wrap_key
from oracles.codes import Oracle

from promo_server.kernel import codes

MASTER = bytes(range(32))
LITERAL = st.text(alphabet=digits + ascii_letters + punctuation.replace("#", ""), max_size=4)


@st.composite
def oracles(draw: st.DrawFn, **fixed: object) -> Oracle:
    charset = draw(
        st.lists(st.sampled_from(ascii_letters + digits + punctuation), min_size=2, max_size=64, unique=True)
    )
    length = draw(st.integers(4, 32))
    cut = draw(st.integers(0, length))
    parts = {
        "charset": "".join(charset),
        "pattern": "#" * cut + draw(LITERAL) + "#" * (length - cut),
        "key": draw(st.binary(min_size=16, max_size=16)),
        "prefix": draw(LITERAL),
        "postfix": draw(LITERAL),
        "check_symbol": draw(st.booleans()),
    }
    return Oracle(**(parts | fixed))


@cache
def codec_of(oracle: Oracle) -> codes.Codec:
    layout: codes.LayoutDocument = {
        "charset": oracle.charset,
        "pattern": oracle.pattern,
        "prefix": oracle.prefix,
        "postfix": oracle.postfix,
        "check_symbol": oracle.check_symbol,
        "blocklist": oracle.blocklist,
    }
    report = codes.check_layout(layout, 1, 1.0)
    return codes.Codec(report.specification, wrap_key(MASTER, oracle.key), MASTER)


@given(oracles(), st.integers(0, 2**64))
@settings(deadline=None, max_examples=100)
def test_codes_and_indices_agree_with_the_oracle(oracle: Oracle, index: int) -> None:
    codec = codec_of(oracle)
    left, right = oracle.halves
    assert codec.capacity == min(left * right, 2**64 - 1)
    index %= codec.capacity
    code = oracle.encode(index)
    assert code is not None
    assert codec.encode(index) == code
    assert codec.decode(code) == index == oracle.decode(code)


@given(oracles(), st.integers(0, 2**64), st.data())
@settings(deadline=None, max_examples=50)
def test_a_mistyped_code_is_read_as_the_oracle_reads_it(oracle: Oracle, index: int, data: st.DataObject) -> None:
    codec = codec_of(oracle)
    code = codec.encode(index % codec.capacity)
    assert code is not None
    position = data.draw(st.integers(0, len(code) - 1))
    symbol = data.draw(st.sampled_from(oracle.charset))
    typed = codec.normalise(code[:position] + symbol + code[position + 1 :])
    if typed is not None:
        found = oracle.decode(typed)
        assert codec.decode(typed) == (found if found is not None and found < codec.capacity else None)


@given(oracles(blocklist=("AA", "b7", "x")[:2], pattern="#####", charset="AB7XYZ"), st.integers(0, 6**5 - 20))
@settings(deadline=None, max_examples=20)
def test_an_export_skips_what_the_oracle_skips(oracle: Oracle, start: int) -> None:
    # A word that every code has blocks all of them, which is refused.
    fixed = f"{oracle.prefix} {oracle.postfix}".upper()
    assume(not any(word.upper() in fixed for word in oracle.blocklist))
    wanted = [oracle.encode(index) for index in range(start, start + 20)]
    lines = codec_of(oracle).export(start, start + 20).decode().split("\n")
    assert lines == [code for code in wanted if code is not None] + [""]


@given(oracles(), st.integers(0, 2**64), st.integers(0, 400))
@settings(deadline=None, max_examples=50)
def test_codes_made_in_bulk_are_those_made_one_by_one(oracle: Oracle, start: int, count: int) -> None:
    codec = codec_of(oracle)
    start %= codec.capacity
    end = min(start + count, codec.capacity)
    single = [codec.encode(index) for index in range(start, end)]
    text = codec.export(start, end)
    assert text.decode().split("\n")[:-1] == single
    assert list(codec.decode_lines(text)) == list(range(start, end))


FIXED = bytes(range(16))
DEFAULT = Oracle("23456789CDFGHJKMNPQRTVWXY", "##########", FIXED)


@given(st.text(max_size=40))
def test_no_text_is_a_code_that_the_layout_would_spell_otherwise(text: str) -> None:
    codec = codec_of(DEFAULT)
    index = codec.decode(text)
    assert index is None or codec.encode(index) == codec.normalise(text)


@pytest.mark.parametrize(
    ("oracle", "code"),
    [
        (DEFAULT, "PKG2Y8CGXP"),
        (Oracle("0123456789", "####-####", FIXED, check_symbol=True), "9310-59324"),
        (Oracle("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "##########", FIXED, check_symbol=True), "8SMASC7AS4R"),
        (
            Oracle(ascii_letters + digits + "-_", "#" * 32, FIXED, check_symbol=True),
            "G6G97ahYjdX2NVUbqA0tNy-2azk1Pptj2",
        ),
    ],
)
def test_released_codes_never_change(oracle: Oracle, code: str) -> None:
    """These figures are promises: campaigns have printed their codes."""
    assert oracle.encode(123_456) == code
    assert codec_of(oracle).encode(123_456) == code
