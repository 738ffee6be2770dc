"""The state directory: what lies where, made private, and the secrets that are generated on first use."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from promo_server.operator_error import OperatorError
from promo_server.secret_values import MASTER_SECRET_BYTES, BootstrapKey, parse_key, parse_master_secret

MAX_SOCKET_PATH = 100
"""Longest path of a unix socket, in bytes; the system's limit is 104 to 108."""


class StateError(OperatorError):
    """A state directory that cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class StateDir:
    """Paths in one server's state directory."""

    path: Path

    @property
    def store(self) -> Path:
        """Folder of the embedded store."""
        return self.path / "store"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "promo.db"

    @property
    def master_key(self) -> Path:
        """The generated master secret."""
        return self.path / "master.key"

    @property
    def admin_key(self) -> Path:
        """The generated admin key, as id:token."""
        return self.path / "admin.key"

    @property
    def sockets(self) -> Path:
        """Folder of the unix sockets: the state directory, or a short private folder when its path is too long."""
        longest = self.path / "control.sock"
        if len(os.fsencode(longest)) <= MAX_SOCKET_PATH:
            return self.path
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"promo-{os.getuid()}-{digest}"

    @property
    def store_socket(self) -> Path:
        """Socket of the embedded store."""
        return self.sockets / "store.sock"

    @property
    def control_socket(self) -> Path:
        """Socket of the control plane."""
        return self.sockets / "control.sock"

    @property
    def metrics(self) -> Path:
        """Folder of what the processes beside the server measure, for the server's metrics page."""
        return self.path / "metrics"

    def prepare(self) -> None:
        """Make the folders, open to their owner alone; refuse a folder that somebody else owns."""
        for folder in (self.path, self.sockets, self.metrics):
            _make_private(folder)

    def load_master_secret(self) -> bytes | None:
        """Return the generated master secret, None before the first run."""
        text = _read_secret(self.master_key)
        if text is None:
            return None
        try:
            return parse_master_secret(text)
        except ValueError as error:
            raise StateError(f"{self.master_key}: {error}; restore it from a backup") from None

    def make_master_secret(self) -> bytes:
        """Return the generated master secret, making it on the first run."""
        if (existing := self.load_master_secret()) is not None:
            return existing
        secret = secrets.token_bytes(MASTER_SECRET_BYTES)
        with suppress(FileExistsError):  # another server has just made one
            write_secret(self.master_key, base64.b64encode(secret).decode("ascii"))
        return self.load_master_secret() or secret

    def load_admin_key(self) -> BootstrapKey | None:
        """Return the generated admin key, None before the first run."""
        text = _read_secret(self.admin_key)
        if text is None:
            return None
        try:
            return parse_key(text)
        except ValueError as error:
            raise StateError(f"{self.admin_key}: {error}") from None

    def make_admin_key(self) -> BootstrapKey:
        """Return the generated admin key, making it on the first run."""
        if (existing := self.load_admin_key()) is not None:
            return existing
        key = BootstrapKey(f"key_{secrets.token_hex(8)}", secrets.token_urlsafe(32))
        with suppress(FileExistsError):
            write_secret(self.admin_key, key.pair)
        return self.load_admin_key() or key


def write_secret(path: Path, text: str) -> None:
    """Put one line into a new file of mode 0600, whole or not at all, and onto the disk."""
    scratch = path.with_suffix(f".{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link fails where a rename would replace what another process has just made.
        os.link(scratch, path)
    finally:
        scratch.unlink()


def _read_secret(path: Path) -> str | None:
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise StateError(f"{path} can be read by others; run: chmod 600 {path}")
            return file.read().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StateError(f"{path} is damaged; restore it from a backup") from None


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise StateError(f"{folder} cannot be made ({error.strerror}); choose another with PROMO_STATE_DIR") from None
    if status.st_uid != os.getuid():
        raise StateError(f"{folder} belongs to another user; choose another with PROMO_STATE_DIR")
    if stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)
