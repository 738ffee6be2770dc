"""Everything made from the asyncio client is what scripts/client makes of it now."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def clientgen() -> Iterator[ModuleType]:
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    try:
        importlib.import_module("clientgen.threads")
        yield importlib.import_module("clientgen.__main__")
    finally:
        sys.path.pop(0)


def test_committed_files_are_those_that_the_generator_makes(clientgen: ModuleType) -> None:
    drifted = [
        name
        for name, text in clientgen.generate().items()
        if not (REPOSITORY / name).exists() or (REPOSITORY / name).read_text(encoding="utf-8") != text
    ]
    assert drifted == [], "run scripts/client"


def test_every_module_for_threads_is_made_or_known_to_be_written(clientgen: ModuleType) -> None:
    threads = clientgen.threads
    present = {path.stem for path in (REPOSITORY / clientgen.CLIENT / "sync").glob("*.py")}
    assert present == {"__init__", *threads.MODULES, *threads.WRITTEN}


def test_nothing_of_asyncio_is_left_in_the_modules_for_threads(clientgen: ModuleType) -> None:
    for path in (REPOSITORY / clientgen.CLIENT / "sync").glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        code = [line for line in lines if line.startswith(("import ", "from ", "    async ", "async "))]
        assert not any("asyncio" in line or "async " in line for line in code), path


def test_a_sentence_that_is_gone_from_the_asyncio_client_is_noticed(clientgen: ModuleType) -> None:
    with pytest.raises(clientgen.threads.ClientSourceError, match="says no longer"):
        clientgen.threads.convert("transport", '"""Nothing."""\n')
    with pytest.raises(clientgen.threads.ClientSourceError, match="in_process"):
        clientgen.threads.convert("client", '"""Nothing."""\n')
