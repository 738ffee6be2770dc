"""The store's own share of a call: real store commands, recorded and replayed without a server in between."""

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.store import Store

ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
END = b"end of the recording"
NAMED_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def encode(arguments: Sequence[bytes]) -> bytes:
    """One command as it goes over the wire."""
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in arguments)


@contextmanager
def recording(store: Store, names: frozenset[bytes]) -> Iterator[list[bytes]]:
    """Gives a list that fills with the commands of these names that the store gets, each ready to be sent again."""
    found: list[bytes] = []
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(store.socket))
    client.sendall(b"MONITOR\r\n")
    reader = client.makefile("rb")
    reader.readline()

    def follow() -> None:
        for line in reader:
            arguments = parse(line)
            if arguments == [b"ECHO", END]:
                return
            if arguments and arguments[0].lower() in names:
                found.append(encode(arguments))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        # What was sent so far comes before it: the reader may be far behind.
        store.client.echo(END)
        thread.join()
        client.close()


def parse(line: bytes) -> list[bytes]:
    """The arguments in one line of MONITOR; none where a script made the call."""
    head, bracket, rest = line.partition(b"] ")
    if not bracket or head.endswith(b" lua"):
        return []
    return [ESCAPE.sub(unescape, argument) for argument in ARGUMENT.findall(rest)]


def unescape(match: re.Match[bytes]) -> bytes:
    """One escape of MONITOR."""
    text: bytes = match.group(1)
    if len(text) == 3:
        return bytes([int(text[1:], 16)])
    return NAMED_ESCAPES.get(text, text)


def copy_files(source: Path, target: Path) -> None:
    """Copies what a store has written; nothing may write to it meanwhile."""
    for path in source.rglob("*"):
        if path.is_file() and not path.is_socket() and path.suffix != ".log":
            destination = target / path.relative_to(source)
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(path.read_bytes())
