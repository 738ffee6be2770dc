"""How far something long is: a live bar on a terminal, a plain line now and then elsewhere. On standard error."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from promo_server.cli.output import plain_console

_LINE_SECONDS = 2.0
"""Least time between two plain lines."""


class _NotedBar(Bar):
    """A bar with a note below it: beside it, a narrow terminal would show neither."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar and the note."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", no_wrap=True, overflow="ellipsis")


class Progress:
    """Shows progress while it is open; `note` is what there is to tell beside the number."""

    def __init__(self, label: str, total: int | None, *, console: Console | None = None) -> None:
        """Prepare; nothing is shown before the context is entered."""
        self._label = label
        self._total = total
        self._console = console or plain_console(stderr=True)
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self.done = 0
        """The number shown last."""
        self._note = ""
        self._told = time.monotonic()
        self._told_done = -1

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            self._bar = _NotedBar(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(self._label, total=self._total, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show where it ended."""
        if self._bar is not None:
            self._bar.stop()
        elif self.done != self._told_done:
            self._tell()

    def update(self, done: int, note: str = "", total: int | None = None) -> None:
        """Show that so much is done."""
        self.done, self._note = done, note
        self._total = total if total is not None else self._total
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=self._total, note=note)
        elif time.monotonic() - self._told >= _LINE_SECONDS:
            self._tell()

    def _tell(self) -> None:
        self._told, self._told_done = time.monotonic(), self.done
        of = f" of {self._total:,}" if self._total is not None else ""
        note = f"  {self._note}" if self._note else ""
        self._console.print(f"{self._label}: {self.done:,}{of}{note}", markup=False, soft_wrap=True)
