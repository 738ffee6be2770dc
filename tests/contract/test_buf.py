"""buf finds nothing to say about the contract."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BUF = shutil.which("buf", path=str(Path(sys.executable).parent))

pytestmark = pytest.mark.skipif(BUF is None, reason="pip install buf-bin")


def test_the_contract_is_lint_clean() -> None:
    done = subprocess.run([str(BUF), "lint"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_contract_compiles_for_every_buf_user() -> None:
    done = subprocess.run([str(BUF), "build"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
