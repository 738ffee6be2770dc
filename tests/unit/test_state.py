from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from promo_server.state import MAX_SOCKET_PATH, StateDir, StateError, write_secret


def test_state_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "a" / "b")
    state.prepare()
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700


def test_open_state_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    StateDir(tmp_path / "open").prepare()
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o700


def test_state_directory_that_cannot_be_made_is_refused_with_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="PROMO_STATE_DIR"):
        StateDir(tmp_path / "file" / "state").prepare()


def test_sockets_of_a_long_path_lie_in_a_short_private_folder(tmp_path: Path) -> None:
    state = StateDir(tmp_path / ("x" * 120))
    state.prepare()
    try:
        assert len(os.fsencode(state.control_socket)) <= MAX_SOCKET_PATH
        assert stat.S_IMODE(state.sockets.stat().st_mode) == 0o700
    finally:
        state.sockets.rmdir()


def test_generated_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    assert state.load_master_secret() is None
    assert state.load_admin_key() is None
    master, key = state.make_master_secret(), state.make_admin_key()
    assert (state.make_master_secret(), state.make_admin_key()) == (master, key)
    assert len(master) == 32
    assert stat.S_IMODE(state.master_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.admin_key.stat().st_mode) == 0o600


def test_servers_that_start_at_the_same_moment_have_the_same_secrets(tmp_path: Path) -> None:
    state, servers = StateDir(tmp_path), 16
    together = threading.Barrier(servers)

    def start() -> tuple[bytes, str]:
        together.wait()
        return state.make_master_secret(), state.make_admin_key().pair

    with ThreadPoolExecutor(servers) as pool:
        made = {one.result() for one in [pool.submit(start) for _ in range(servers)]}
    assert made == {(state.load_master_secret(), state.make_admin_key().pair)}


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.make_master_secret()
    state.master_key.chmod(0o640)
    with pytest.raises(StateError, match="chmod 600"):
        state.load_master_secret()


def test_damaged_secret_is_refused_and_not_replaced(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    write_secret(state.master_key, "damaged")
    with pytest.raises(StateError, match="restore it"):
        state.make_master_secret()
    assert state.master_key.read_text() == "damaged\n"


def test_secret_that_another_process_has_just_made_is_not_replaced(tmp_path: Path) -> None:
    write_secret(tmp_path / "s", "first")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "s", "second")
    assert (tmp_path / "s").read_text() == "first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
