import hashlib
import json
import threading
from array import array
from pathlib import Path

import pytest

from promo_server import _native
from promo_server.kernel import codes

MASTER = bytes(range(32))
RANGES = [(1_000, 61_000), (100_000, 100_001), (0, 900)]


def codec(**layout: object) -> codes.Codec:
    report = codes.check_layout(json.dumps(layout), 1, 1.0)
    return codes.Codec(report.specification, codes.new_wrapped_key(MASTER), MASTER)


def test_a_report_spells_out_every_default() -> None:
    report = codes.check_layout({}, 1_000_000, 1e-6)
    assert json.loads(report.specification) == {
        "length": 10,
        "charset": "23456789CDFGHJKMNPQRTVWXY",
        "prefix": "",
        "postfix": "",
        "pattern": "",
        "check_symbol": False,
        "blocklist": [],
    }
    assert (report.mode, report.problem, report.suggestion) == ("arithmetic", None, None)
    assert (report.length, report.symbols, report.width, report.domain) == (10, 10, 10, 25**10)


def test_a_specification_is_its_own_specification() -> None:
    first = codes.check_layout({"pattern": "A-####-###", "blocklist": ["Xy", "xY", "ab"]}, 1, 1.0)
    again = codes.check_layout(first.specification, 1, 1.0)
    assert again == first


def test_a_layout_without_length_gets_one_that_holds_the_codes() -> None:
    assert codes.check_layout({}, 1_000_000_000, 1e-6).length == 11
    fixed = codes.check_layout({"length": 10}, 1_000_000_000, 1e-6)
    assert (fixed.length, fixed.mode) == (10, "stored")
    assert fixed.problem == "1000000000 of the layout's 95367431640625 codes are too easy to guess, 95367431 are not"
    assert fixed.suggestion == "use 11 random symbols instead of 10"


def test_a_tiny_layout_says_how_large_it_must_be() -> None:
    report = codes.check_layout({"length": 4, "charset": "0123456789"}, 100, 1e-2)
    assert report.mode == "stored"
    assert report.problem == "the layout spells 10000 codes, computed ones need 1000000"
    assert report.suggestion == "use 6 random symbols instead of 4"


@pytest.mark.parametrize(
    ("layout", "field"),
    [
        ({"length": 3}, "length"),
        ({"length": 8, "pattern": "####"}, "length"),
        ({"pattern": "ABC"}, "pattern"),
        ({"charset": "AA"}, "charset"),
        ({"prefix": "\u00e4"}, "prefix"),
        ({"postfix": "P" * 33}, "postfix"),
        ({"blocklist": ["a"]}, "blocklist"),
        ({"lenght": 8}, "code_layout"),
        ({"length": "8"}, "code_layout"),
        ({"length": 10**30}, "code_layout"),
    ],
)
def test_a_contradiction_names_its_field(layout: dict[str, object], field: str) -> None:
    with pytest.raises(codes.InvalidLayoutError) as refused:
        codes.check_layout(json.dumps(layout), 1, 1.0)
    assert refused.value.field == field
    assert str(refused.value) == f"{field}: {refused.value.problem}"
    with pytest.raises(codes.InvalidLayoutError):
        codes.Codec(json.dumps(layout), codes.new_wrapped_key(MASTER), MASTER)


def test_layouts_overlap_by_case_and_look_alikes() -> None:
    def specification(charset: str) -> str:
        return codes.check_layout({"charset": charset, "length": 8}, 1, 1.0).specification

    assert codes.layouts_overlap(specification("ABCD"), specification("defg"))
    assert codes.layouts_overlap(specification("0123"), specification("OXYZ"))
    assert not codes.layouts_overlap(specification("ABCD"), specification("EFGH"))


def test_a_key_works_under_its_own_master_only() -> None:
    specification = codes.check_layout({}, 1, 1.0).specification
    wrapped, other = codes.new_wrapped_key(MASTER), b"\xff" * 32
    code = codes.Codec(specification, wrapped, MASTER).encode(7)
    with pytest.raises(ValueError, match="wrapped_key: was not wrapped by this master"):
        codes.Codec(specification, wrapped, other)
    rewrapped = codes.rewrap_key(wrapped, MASTER, other)
    assert codes.Codec(specification, rewrapped, other).encode(7) == code
    with pytest.raises(ValueError, match="master: has 31 bytes, must have 32"):
        codes.new_wrapped_key(MASTER[1:])
    assert codes.new_wrapped_key(MASTER) != codes.new_wrapped_key(MASTER)


def test_a_codec_does_not_show_its_key() -> None:
    shown = repr(codec()) + repr(codec().__dict__)
    assert "key" not in shown.lower()


def test_a_typed_code_is_read_whatever_its_case() -> None:
    one = codec(prefix="Save-", check_symbol=True)
    code = one.encode(123)
    assert code is not None
    assert one.decode(f"  {code.lower()}\n") == 123
    assert one.normalise(code.lower()) == code
    assert one.decode("nonsense") is None
    assert one.decode("") is None


def test_indices_outside_the_capacity_have_no_code() -> None:
    one = codec(length=4, charset="01")
    assert one.capacity == 16
    assert one.encode(16) is None
    with pytest.raises(OverflowError):
        one.encode(-1)
    with pytest.raises(ValueError, match="ends beyond the layout's last code"):
        one.export(0, 17)
    with pytest.raises(ValueError, match="at most 16777216 are given"):
        one.export(0, 2**24 + 1)
    with pytest.raises(ValueError, match="separator: must not be empty"):
        one.export_positions([(0, 5)], 0, 5, b"")


def test_blocked_codes_are_skipped_and_counted() -> None:
    one = codec(length=5, charset="ABCDE", blocklist=["ab", "cc"])
    lines = one.export(0, one.capacity).decode().split()
    assert not any("AB" in line or "CC" in line for line in lines)
    assert len(lines) == one.capacity - one.count_blocked(0, one.capacity)
    end = one.end_of_range(0, 1_000)
    assert end is not None
    assert len(one.export(0, end).split()) == 1_000
    assert one.end_of_range(0, one.capacity) is None


def test_positions_count_through_the_ranges_in_order() -> None:
    one = codec()
    lines = one.export_positions(RANGES, 59_999, 4).decode().split()
    assert lines == [one.encode(index) for index in (60_999, 100_000, 0, 1)]
    text = "\n".join([*lines, "nonsense", str(one.encode(99_999))]).encode()
    assert list(one.locate_lines(text, RANGES)) == [59_999, 60_000, 60_001, 60_002, codes.NO_CODE, codes.NO_CODE]
    with pytest.raises(ValueError, match="meets another range"):
        one.export_positions([(0, 10), (5, 15)], 0, 1)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_resumed_file_is_the_file_that_was_never_interrupted(tmp_path: Path, threads: int) -> None:
    one, path = codec(check_symbol=True), tmp_path / "codes.txt"
    whole = one.export_positions(RANGES, 0, 2**20)
    told: list[tuple[int, int]] = []
    written = one.write_file(path, RANGES, threads=threads, progress=lambda *state: told.append(state))
    assert written == 60_901
    assert told[-1] == (60_901, 60_901)
    assert path.read_bytes() == whole

    path.write_bytes(whole[:333_333])
    missing = one.write_file(path, RANGES, threads=threads, resume=True)
    assert missing == 60_901 - 333_333 // one.line_bytes
    assert path.read_bytes() == whole


def test_a_file_of_another_campaign_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "codes.txt"
    codec().write_file(path, RANGES)
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(codes.ResumeMismatchError):
        codec().write_file(path, RANGES, resume=True)
    assert hashlib.sha256(path.read_bytes()).digest() == before
    with pytest.raises(FileNotFoundError):
        codec().write_file(tmp_path / "missing" / "codes.txt", RANGES)


def test_what_progress_raises_stops_the_export(tmp_path: Path) -> None:
    one, path, everything = codec(), tmp_path / "codes.txt", [(0, 1_000_000)]

    def stop(_codes: int, _next_position: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.write_file(path, everything, threads=2, progress=stop)
    assert one.write_file(path, everything, resume=True, threads=2) >= 0
    assert path.stat().st_size == 1_000_000 * one.line_bytes


def test_other_threads_run_while_codes_are_made() -> None:
    one, beats = codec(), 0
    done = threading.Event()

    def export() -> None:
        one.export(0, 2**20)
        done.set()

    thread = threading.Thread(target=export)
    thread.start()
    while not done.wait(0.001):
        beats += 1
    thread.join()
    assert beats > 0


def test_nothing_that_the_module_offers_is_without_a_typed_face() -> None:
    offered = {name for name in vars(_native.Codec) if not name.startswith("_")}
    assert offered == {
        "capacity",
        "count_blocked",
        "decode",
        "decode_lines",
        "encode",
        "encode_positions",
        "encode_range",
        "end_of_range",
        "fingerprint",
        "locate_beginning",
        "locate_lines",
        "normalise",
        "normalise_beginning",
        "width",
        "write_file",
    }


def test_codes_with_a_beginning_are_found_by_what_is_less_work() -> None:
    made = codec(pattern="AB-######")
    issued = sum(end - start for start, end in RANGES)
    spelled = made.export_positions(RANGES, 0, issued).decode().split()
    for length, work, lacking in (
        (4, issued, 2),
        (5, issued, 1),
        (6, 25**3, 1),
        (7, 25**2, 1),
        (8, 25, 1),
        (9, 1, None),
    ):
        text = spelled[60_500][:length]
        found = made.locate_beginning(text.lower(), RANGES, work)
        assert found == array("Q", [at for at, code in enumerate(spelled) if code.startswith(text)])
        assert made.normalise_beginning(text.lower()) == text
        assert lacking is None or made.locate_beginning(text, RANGES, work - 1) == lacking
    assert [made.locate_beginning(text, RANGES, 1) for text in ("", "A", "ab-")] == [0, 0, 0]
    for text in ("B", "AB-A", "AB-222222X", "é"):
        assert made.locate_beginning(text, RANGES, 1) == array("Q")
        assert made.normalise_beginning(text) is None
