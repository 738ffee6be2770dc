"""The REST processes of a server, on one address."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import Mapping
from typing import Any

from promo_server.child import Child

_HOST = "promo_server.rest.host"
_BACKLOG = 2_048
_BIND_SECONDS = 3.0
_BIND_POLL_SECONDS = 0.05


class RestProcesses:
    """Listens, and has processes answer.

    The socket is the server's: while a process restarts, callers wait for it instead of being turned away.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Prepare processes; `config` is what data_plane.rest_config returns."""
        self._config = config
        self._socket: socket.socket | None = None
        self._children: list[Child] = []
        self.address = ""

    async def start(self) -> None:
        """Return when requests are answered. Raise OSError when the address cannot be had or a process fails."""
        host, _, port = str(self._config["listen"]).rpartition(":")
        listener = self._socket = await _bind(host.strip("[]"), int(port))
        name, number = listener.getsockname()[:2]
        self.address = f"[{name}]:{number}" if listener.family == socket.AF_INET6 else f"{name}:{number}"
        document = json.dumps({**self._config, "descriptor": listener.fileno()}).encode()
        drain_seconds = float(self._config["drain_seconds"])
        self._children = [
            Child(_HOST, document, [listener.fileno()], drain_seconds) for _ in range(int(self._config["processes"]))
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children:
                    group.create_task(child.start())
        except* OSError as errors:
            raise errors.exceptions[0] from None

    async def stop(self) -> None:
        """Take no further requests, let those in progress finish, and stop."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        await asyncio.gather(*(child.stop() for child in self._children))


async def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens. What a killed server has left needs a moment to let go of the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = asyncio.get_running_loop().time() + _BIND_SECONDS
    while True:
        try:
            return socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_BIND_POLL_SECONDS)
