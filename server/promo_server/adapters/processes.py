"""The processes of one adapter, on one address."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promo_server.child import Child
from promo_server.listening import listen


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """How an adapter is run."""

    name: str
    """Of the adapter, and of its module in promo_server.adapters."""
    setting: str
    """Name of the setting with its address."""
    listen: str
    processes: int
    stop_seconds: float
    """How long a process may take to stop."""
    document: Mapping[str, Any]
    """What each process reads; it has the master secret and is never logged."""


class AdapterProcesses:
    """Listens, and has processes answer.

    The socket is the server's: while a process restarts, callers wait for it instead of being turned away.
    """

    def __init__(self, plan: AdapterPlan) -> None:
        """Prepare; nothing runs before `start`."""
        self._plan = plan
        self._socket: socket.socket | None = None
        self._children: list[Child] = []
        self.address = ""

    async def start(self) -> None:
        """Return when requests are answered. Raise AddressError without the address, OSError when a process fails."""
        plan = self._plan
        listener = self._socket = await listen(plan.setting, plan.listen)
        name, number = listener.getsockname()[:2]
        self.address = f"[{name}]:{number}" if listener.family == socket.AF_INET6 else f"{name}:{number}"
        self._children = [self._child(number, listener.fileno()) for number in range(plan.processes)]
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children:
                    group.create_task(child.start())
        except* OSError as errors:
            raise errors.exceptions[0] from None

    def _child(self, number: int, descriptor: int) -> Child:
        plan = self._plan
        document = {**plan.document, "process": f"{plan.name}-{number}", "descriptor": descriptor}
        module = f"{__package__}.{plan.name}"
        return Child(module, json.dumps(document).encode(), [descriptor], plan.stop_seconds)

    async def stop(self) -> None:
        """Take no further requests, let those in progress finish, and stop."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        await asyncio.gather(*(child.stop() for child in self._children))
