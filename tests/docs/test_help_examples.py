"""Every example that `--help` shows can be typed as it stands, and succeeds on a real server."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support import help_examples, help_world
from support.cli import environment
from support.help_world import World
from support.server_process import KEY, ServerProcess

from promo.client import SyncPromoClient
from promo_server.cli import INTERRUPTED
from promo_server.cli.command import build, run
from promo_server.embedded import EmbeddedStore
from promo_server.state import StateDir

pytestmark = pytest.mark.timeout(240)

TEXTS = dict(help_examples.texts(build()))

NOT_RUN = {
    "promo serve --demo": "plays thousands of orders; test_demo.py runs it",
    "promo serve --demo --once --orders invoices.csv": "the same",
}
WATCHED = {
    "promo serve",
    "promo serve --state-dir /var/lib/promo --listen 0.0.0.0:50600",
    "PROMO_STORE__URL=redis://store:6379 promo serve --config /etc/promo.toml",
    "promo ledger tail",
    "promo ledger tail --last 0 --json",
}
"""Those that go on until Control-C."""


OF_A_MACHINE = ("promo doctor", "promo ledger", "promo store")
"""How commands begin that read what the server of this machine has, of all its projects: theirs has one project."""
OF_A_STOPPED_SERVER = "promo store rebuild"
OF_A_NEW_SERVER = "serve"


def of(example: str) -> str:
    """Return an example without its remark, as the tables here have it."""
    return example.partition(" #")[0].strip()


EXAMPLES = list(dict.fromkeys(of(example) for said in TEXTS.values() for example in help_examples.examples(said)))
"""Once each: a group shows examples of its commands."""


@contextlib.contextmanager
def world_of(server: ServerProcess, key: str, folder: Path) -> Iterator[World]:
    """Yield what a key sees of a server."""
    with SyncPromoClient.connect(server.target, key=key, timeout=30.0) as client:
        yield World(client, {**environment(server), "PROMO_KEY": key}, server.state_dir, folder)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield the one project of a server, which the examples share that only look."""
    folder = tmp_path_factory.mktemp("machine")
    with closing(ServerProcess.with_tables(folder / "s")) as server:
        server.start()
        with world_of(server, KEY, folder) as world:
            yield world


@pytest.fixture
def project(sqlite_server: ServerProcess, tmp_path: Path) -> Iterator[World]:
    """Yield an empty project of the shared server."""
    with SyncPromoClient.connect(sqlite_server.target, key=KEY, timeout=30.0) as admin:
        made = admin.access.create_project(f"of {tmp_path.name}")
        key = admin.access.create_key(["admin"], project_id=made.id)
    with world_of(sqlite_server, f"{key.id}:{key.token}", tmp_path) as world:
        yield world


@pytest.fixture
def stopped(new_server: Callable[[], ServerProcess], tmp_path: Path) -> Iterator[World]:
    """Yield a server that is stopped and has lost its store."""
    server = new_server()
    with world_of(server, KEY, tmp_path) as world:
        assert world.redemption
        server.stop()
        shutil.rmtree(StateDir(server.state_dir).store)
        yield world


@pytest.fixture
def nothing(project: World, embedded_store: EmbeddedStore, tmp_path: Path) -> World:
    """Return a machine on which no server ran yet, beside a store that is not its own."""
    server = ServerProcess(tmp_path / "new")
    return dataclasses.replace(
        project, environment=server.environment, state_dir=server.state_dir, store_url=embedded_store.url
    )


def fixture_of(example: str) -> str:
    """Return the name of the fixture in whose world an example is typed."""
    line = help_examples.parse(example)
    if line.arguments[0] == OF_A_NEW_SERVER:
        return "nothing"
    if example.startswith(OF_A_STOPPED_SERVER):
        return "stopped"
    return "machine" if example.startswith(OF_A_MACHINE) else "project"


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example not in NOT_RUN])
def test_example_runs(example: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(fixture_of(example))
    line = help_examples.parse(world.typed(example))
    home = {"HOME": str(tmp_path), "SHELL": "/bin/bash"}
    if example in WATCHED:
        ended = help_examples.watch(line, {**world.environment, **home}, world.folder, world.happen)
        assert ended.status in {0, INTERRUPTED}, ended.errors
        assert ended.output
    else:
        ended = help_examples.run(line, {**world.environment, **home}, world.folder)
        assert ended.status == 0, f"{ended.output}\n{ended.errors}"


@pytest.mark.parametrize("command", TEXTS)
def test_help_has_an_example_of_the_command_itself(command: str) -> None:
    calls = [
        (*("promo",), *help_examples.parse(example).arguments) for example in help_examples.examples(TEXTS[command])
    ]
    assert any(" ".join(call).startswith(command) for call in calls)


@pytest.mark.parametrize("command", TEXTS)
def test_example_is_shown_in_one_piece_in_a_narrow_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run([*command.split()[1:], "--help"]) == 0
    assert help_examples.examples(capsys.readouterr().out) == help_examples.examples(TEXTS[command])


def test_tables_name_nothing_that_no_help_shows() -> None:
    assert {*NOT_RUN, *WATCHED} - set(EXAMPLES) == set()
    assert all(NOT_RUN.values())
    assert help_world.unused(EXAMPLES) == []
