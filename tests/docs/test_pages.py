"""What the pages say is true: their commands run on a real server, their links lead somewhere, their site builds."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import pages
from support.certificates import needs_openssl, self_signed
from support.postgresql import programs

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
WRITTEN = sorted(path for folder in ("tutorial", "how-to", "explanation") for path in (DOCS / folder).glob("*.md"))
ALL = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "clients/*/README.md", "benchmarks/README.md", "tests/README.md")
    for path in REPOSITORY.glob(pattern)
)
OUTSIDE = [REPOSITORY / "README.md", REPOSITORY / "clients" / "examples" / "README.md"]
"""Pages beside the site whose commands run too."""
WITH_COMMANDS = [page for page in [*WRITTEN, *OUTSIDE] if any(block.role != "not run" for block in pages.blocks(page))]

POSTGRESQL = "use-postgresql.md"
PRODUCTION = "run-in-production.md"
"""The page whose server has settings and a certificate of its own."""
OF_GRPC = re.compile(r"[IWE]\d{4} \d\d:")
"""How a line begins that gRPC writes by itself, beside the log."""
FIRST = "README.md"
"""The page that the default suite types; the others take minutes."""


def name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def marked(page: Path) -> Any:
    if name(page) == FIRST:
        return page
    return pytest.param(page, marks=[pytest.mark.extended, *([needs_openssl] if page.name == PRODUCTION else [])])


@pytest.fixture
def home() -> Iterator[Path]:
    # The path of a unix socket is short, so this cannot be below tmp_path.
    folder = Path(tempfile.mkdtemp(prefix="promo-"))
    yield folder
    shutil.rmtree(folder)


def free_ports(count: int) -> list[int]:
    """Return ports that the system gives to nobody by itself: else a try to connect may meet itself there."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        while len(ports) < count:
            port = random.randrange(20_000, 30_000)
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
    return ports


@pytest.mark.parametrize("page", [marked(page) for page in WITH_COMMANDS], ids=name)
def test_every_command_of_a_page_runs(page: Path, home: Path, request: pytest.FixtureRequest) -> None:
    (home / "clients").symlink_to(REPOSITORY / "clients")
    if page.name == PRODUCTION:
        folder = home / "etc" / "promo"
        folder.mkdir(parents=True)
        certificate = self_signed(folder, "localhost")
        certificate.file.rename(folder / "server.pem")
        certificate.key.rename(folder / "server.key")
    from_nothing = page.parent.name == "tutorial" or page.name == PRODUCTION
    script = pages.script(page, home, *free_ports(2), from_nothing=from_nothing)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PROMO_", "XDG_", "GRPC_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if page.name == POSTGRESQL:
        kept |= request.getfixturevalue("postgresql").environment
        path = f"{path}:{programs()}"
    ended = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=home,
        env={**kept, "HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    log = home / "server.log"
    logged = log.read_text() if log.exists() else ""
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{logged[-2000:]}"
    assert pages.not_printed(page, ended.stdout + ended.stderr) == []
    assert [line for line in logged.splitlines() if OF_GRPC.match(line)] == []


def test_every_page_is_reached_from_the_first_one() -> None:
    first = DOCS / "README.md"
    reached, waiting = {first}, [first]
    while waiting:
        page = waiting.pop()
        linked = {(page.parent / link.partition("#")[0]).resolve() for link in pages.links(page) if ":" not in link}
        new = {path for path in linked if path.suffix == ".md"} - reached
        reached |= new
        waiting += new
    assert [name(page) for page in DOCS.glob("**/*.md") if page not in reached] == []


def test_the_tutorial_and_every_how_to_run() -> None:
    expected = {page for page in WRITTEN if page.parent.name != "explanation"}
    assert [name(page) for page in sorted(expected - set(WITH_COMMANDS))] == []


@pytest.mark.parametrize("page", [*WRITTEN, *OUTSIDE], ids=name)
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    assert [block.line for block in pages.blocks(page) if block.role == "not run" and not block.reason] == []


@pytest.mark.parametrize("page", ALL, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in pages.links(page):
        target, _, anchor = link.partition("#")
        if ":" in target:  # another site
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in pages.anchors(path)):
            dead.append(link)
    assert dead == []


def test_a_page_of_the_site_links_to_nothing_outside_of_it() -> None:
    outside = [
        f"{name(page)}: {link}"
        for page in sorted(DOCS.glob("**/*.md"))
        for link in pages.links(page)
        if ":" not in link and not (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS)
    ]
    assert outside == []


@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None,
    reason="mkdocs is not installed: pip install --require-hashes -r requirements/docs.txt",
)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "site" / "tutorial" / "first-code" / "index.html").exists()
