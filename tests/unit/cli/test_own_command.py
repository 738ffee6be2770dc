"""What a server prints for others to paste."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from promo_server.cli.own_command import own_command, reachable


def test_command_is_called_by_its_name_only_where_the_name_finds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = tmp_path / "a b" / "promo"
    command.parent.mkdir()
    command.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(command)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command() == f"'{command}'"
    monkeypatch.setenv("PATH", str(command.parent))
    assert own_command() == "promo"
    monkeypatch.setattr(sys, "argv", ["__main__.py"])
    assert own_command().endswith(" -m promo_server.cli")


@pytest.mark.parametrize(
    ("listened", "called"),
    [
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("[::]:1", "[::1]:1"),
        ("10.0.0.7:1", "10.0.0.7:1"),
    ],
)
def test_address_of_every_interface_is_reached_at_one(listened: str, called: str) -> None:
    assert reachable(listened) == called
