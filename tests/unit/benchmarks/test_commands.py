"""Recorded store commands are sent again byte for byte."""

from benchmarks import commands


def test_a_monitored_line_gives_its_arguments_back() -> None:
    line = rb'1700000000.1 [0 unix:/tmp/s] "FCALL" "promo" "1" "a\"b\\c" "\x00\r\n\xff"' + b"\r\n"
    assert commands.parse(line) == [b"FCALL", b"promo", b"1", b'a"b\\c', b"\x00\r\n\xff"]


def test_calls_made_by_scripts_are_left_out() -> None:
    assert commands.parse(b'1700000000.1 [0 lua] "HGET" "k" "f"\r\n') == []


def test_a_command_is_written_as_the_store_reads_it() -> None:
    assert commands.encode([b"GET", b"key"]) == b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
