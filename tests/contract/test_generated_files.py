"""Everything made from proto/ is what scripts/proto makes of it now."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
STUBS = "clients/client/promo/v1"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    try:
        from protogen.__main__ import generate  # noqa: PLC0415  found only through the path above
    finally:
        sys.path.pop(0)
    output = tmp_path_factory.mktemp("generated")
    return {path.as_posix(): (output / path).read_bytes() for path in generate(output)}


def test_committed_files_are_those_that_the_generator_makes(generated: dict[str, bytes]) -> None:
    drifted = [name for name, content in generated.items() if _committed(name) != content]
    assert drifted == [], "run scripts/proto"


def test_no_stub_is_left_of_a_proto_that_is_gone(generated: dict[str, bytes]) -> None:
    present = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / STUBS).rglob("*")
        if path.suffix in {".py", ".pyi"}
    }
    assert present == {name for name in generated if name.startswith(STUBS)}


def _committed(name: str) -> bytes:
    path = REPOSITORY / name
    return path.read_bytes() if path.exists() else b""
