from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from promo_server.embedded import EmbeddedStore, EmbeddedStoreError, EmbeddedStoreOptions

OTHER_SERVER = """
import asyncio, sys
from pathlib import Path
from promo_server.embedded import EmbeddedStore, EmbeddedStoreOptions

async def main():
    directory = Path(sys.argv[1])
    store = EmbeddedStore(EmbeddedStoreOptions(directory, directory / "s"))
    await store.start()
    print("pid", store.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def options(directory: Path, **changes: object) -> EmbeddedStoreOptions:
    return EmbeddedStoreOptions(directory, directory / "s", **changes)  # type: ignore[arg-type]


async def command(store: EmbeddedStore, line: str) -> str:
    reader, writer = await asyncio.open_unix_connection(store.url.removeprefix("unix://"))
    writer.write(line.encode() + b"\r\n")
    answer = (await reader.readline()).decode().strip()
    if answer.startswith("$") and answer != "$-1":
        answer = (await reader.readline()).decode().strip()
    writer.close()
    await writer.wait_closed()
    return answer


async def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def other_server(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a second server process; it is killed on the way out, which its store must not survive."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_SERVER, str(directory)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        store_pid = next(int(line.split()[1]) for line in process.stdout if line.startswith("pid "))
        try:
            yield process, store_pid
        finally:
            process.kill()


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = EmbeddedStore(options(tmp_path))
    await store.start()
    yield store
    await store.stop()


@pytest.mark.asyncio
async def test_store_answers_when_start_returns(store: EmbeddedStore) -> None:
    assert await command(store, "PING") == "+PONG"


@pytest.mark.asyncio
async def test_store_opens_a_private_socket_and_no_port(store: EmbeddedStore) -> None:
    assert store.pid is not None
    assert psutil.Process(store.pid).net_connections("inet") == []
    assert Path(store.url.removeprefix("unix://")).stat().st_mode & 0o077 == 0


@pytest.mark.asyncio
async def test_stopped_store_is_gone_and_its_data_is_there_on_the_next_start(tmp_path: Path) -> None:
    store = EmbeddedStore(options(tmp_path))
    await store.start()
    pid = store.pid
    await command(store, "SET kept yes")
    await store.stop()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    await store.start()
    assert await command(store, "GET kept") == "yes"
    await store.stop()


@pytest.mark.asyncio
async def test_killed_store_is_restarted_on_the_same_url_with_what_it_acknowledged(store: EmbeddedStore) -> None:
    await command(store, "SET kept yes")
    first = store.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: store.restarts == 1 and store.pid not in {None, first})
    await eventually(lambda: Path(store.url.removeprefix("unix://")).exists())
    while (answer := await command(store, "GET kept")).startswith("-LOADING"):
        await asyncio.sleep(0.02)
    assert answer == "yes"


@pytest.mark.asyncio
async def test_second_server_on_one_directory_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    with (
        other_server(tmp_path) as (process, _),
        pytest.raises(EmbeddedStoreError, match=f"in use by process {process.pid}"),
    ):
        await EmbeddedStore(options(tmp_path)).start()


@pytest.mark.asyncio
async def test_store_of_a_killed_server_dies_and_the_next_server_takes_over(tmp_path: Path) -> None:
    with other_server(tmp_path) as (_, store_pid):
        pass
    store = EmbeddedStore(options(tmp_path))
    await store.start()
    try:
        assert not psutil.pid_exists(store_pid) or psutil.Process(store_pid).status() == psutil.STATUS_ZOMBIE
        assert await command(store, "PING") == "+PONG"
    finally:
        await store.stop()


@pytest.mark.asyncio
async def test_server_path_that_is_no_program_is_refused_with_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedStoreError, match="PROMO_EMBEDDED__SERVER_PATH"):
        await EmbeddedStore(options(tmp_path, server_path=tmp_path / "missing")).start()


@pytest.mark.asyncio
async def test_program_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho 'cannot do this' >&2\nexit 3\n")
    program.chmod(0o700)
    with pytest.raises(EmbeddedStoreError, match="status 3: cannot do this"):
        await EmbeddedStore(options(tmp_path / "data", server_path=program)).start()


@pytest.mark.asyncio
async def test_failed_start_leaves_the_directory_free(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    with pytest.raises(EmbeddedStoreError):
        await EmbeddedStore(options(tmp_path, server_path=program)).start()
    store = EmbeddedStore(options(tmp_path))
    await store.start()
    await store.stop()
