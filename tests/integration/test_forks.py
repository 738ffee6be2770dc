"""What tests start ends with them, whatever they forget."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

SLEEPER = """
import signal, time
def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("asleep", flush=True)
    time.sleep(100)
"""
FORGETFUL = """
import os, sys
sys.path[:0] = sys.argv[1:]
from pathlib import Path
from support.forks import Fork
fork = Fork("sleeper", [], os.environ, stdout=Path("out"), stderr=Path("err"))
print(fork.first_line(), fork.pid)
"""


def test_a_program_that_a_test_forgot_is_killed_when_the_tests_end(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    paths = [str(tmp_path), str(Path(__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", FORGETFUL, *paths], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    said, _, pid = done.stdout.strip().partition(" ")
    assert said == "asleep", done.stderr
    assert not psutil.pid_exists(int(pid))
