"""What the use cases need from SQL, from the store and from the kernel, as promises.

Every row method belongs to one transaction. `Database` methods raise DATABASE_UNAVAILABLE, store methods
STORE_UNAVAILABLE, when the other side does not answer; nothing else about SQL or the store reaches a use case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from promo_server.domain.code_space import Shortage
from promo_server.domain.layout import CodeLayout, RegisteredLayout
from promo_server.services.archive_ports import ArchiveRows, SetAsideRows
from promo_server.services.history_ports import ErasureRows, HistoryRows
from promo_server.services.moments import StoreMoment
from promo_server.services.row_ports import (
    ApiKeyRows,
    CampaignRows,
    CodeBatchRows,
    ImportRows,
    KeptAnswerRows,
    LayoutRows,
    OperationRows,
    PendingRows,
    ProjectRows,
    StoredCodeRows,
)
from promo_server.services.voucher_ports import VoucherRows


class DataRefusedError(Exception):
    """A value that the database does not take, and never will. A defect of whoever let it in.

    The text is the kind of the database's error, without the value.
    """


class Clock(Protocol):
    """Tells the time, so that tests can set it."""

    def __call__(self) -> int:
        """Return milliseconds since 1970 UTC."""
        ...


class Entropy(Protocol):
    """Gives random bytes fit for secrets."""

    def __call__(self, count: int, /) -> bytes:
        """Return `count` random bytes."""
        ...


class UnitOfWork(Protocol):
    """One transaction: everything in it happens, or nothing does."""

    @property
    def projects(self) -> ProjectRows: ...  # noqa: D102
    @property
    def keys(self) -> ApiKeyRows: ...  # noqa: D102
    @property
    def campaigns(self) -> CampaignRows: ...  # noqa: D102
    @property
    def layouts(self) -> LayoutRows: ...  # noqa: D102
    @property
    def stored_codes(self) -> StoredCodeRows: ...  # noqa: D102
    @property
    def batches(self) -> CodeBatchRows: ...  # noqa: D102
    @property
    def operations(self) -> OperationRows: ...  # noqa: D102
    @property
    def answers(self) -> KeptAnswerRows: ...  # noqa: D102
    @property
    def pending(self) -> PendingRows: ...  # noqa: D102
    @property
    def archive(self) -> ArchiveRows: ...  # noqa: D102
    @property
    def set_aside(self) -> SetAsideRows: ...  # noqa: D102
    @property
    def history(self) -> HistoryRows: ...  # noqa: D102
    @property
    def erasures(self) -> ErasureRows: ...  # noqa: D102
    @property
    def imports(self) -> ImportRows: ...  # noqa: D102
    @property
    def vouchers(self) -> VoucherRows: ...  # noqa: D102

    async def rollback(self) -> None:
        """Undo everything so far; the unit is over."""
        ...


class Database(Protocol):
    """Opens transactions. Leaving the context commits; an exception rolls back.

    A value that it can never take fails with DataRefusedError.
    """

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction that sees one state and writes nothing."""
        ...

    def write(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction that may write."""
        ...


class DefinitionStore(Protocol):
    """Where the engine reads definitions."""

    async def is_blank(self, project_ids: Sequence[str]) -> bool:
        """Return whether the store knows nothing of any of the projects: no definition, nothing that happened."""
        ...

    async def put_campaign(self, project_id: str, number: int, version: int, document: bytes) -> bool:
        """Put the bundle of a campaign; return False, and change nothing, when a newer version is there."""
        ...

    async def put_project(self, project_id: str, version: int, document: bytes) -> bool:
        """Put the bundle of a project; return False, and change nothing, when a newer version is there."""
        ...

    async def put_keys(
        self,
        key_ids: Sequence[str],
        read: Callable[[], Awaitable[Mapping[str, bytes | None]]],
    ) -> None:
        """Put what `read` returns of the keys, or end those of which that is None.

        Should anybody put a key between its reading and its being put, it is read again: an older state never takes the
        place of a newer one.
        """
        ...

    async def delete_stored_codes(
        self,
        project_id: str,
        campaign_number: int,
        positions: range,
        codes: Collection[str],
    ) -> None:
        """Take stored codes out, and what is at positions of a campaign."""
        ...

    async def put_stored_codes(
        self,
        project_id: str,
        campaign_number: int,
        first_position: int,
        codes: Sequence[str],
    ) -> None:
        """Put stored codes so that each leads to its campaign and position."""
        ...

    async def put_places(self, project_id: str, places: Mapping[str, tuple[int, int]]) -> None:
        """Put stored codes, each at its (campaign number, position)."""
        ...

    async def has_stored_code(self, project_id: str, code: str) -> bool:
        """Return whether a stored code leads anywhere."""
        ...

    async def announce(self) -> StoreMoment:
        """Tell every engine that definitions or keys have changed, and return the moment after that."""
        ...

    async def moment(self) -> StoreMoment:
        """Return where the store's history is."""
        ...

    async def raise_epoch(self, by: int) -> int:
        """Count the epoch up by some steps, as if that much had been announced, and return it."""
        ...


class LayoutFacts(Protocol):
    """What the kernel found out about a layout.

    Its canonical document, a fingerprint that layouts share which spell the same codes, and how many those are.
    """

    @property
    def specification(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def layout(self) -> CodeLayout: ...  # noqa: D102
    @property
    def domain(self) -> int: ...  # noqa: D102


class Codec(Protocol):
    """Codes of one layout under its key."""

    def encode(self, index: int) -> str | None:
        """Return the code of an index, None when it is one that the blocklist skips."""
        ...

    def decode(self, code: str) -> int | None:
        """Return the index of a code, None when the layout cannot spell it."""
        ...

    def normalise_beginning(self, text: str) -> str | None:
        """Return the beginning of a code in the layout's own spelling, None when no code begins so."""
        ...

    def locate_beginning(self, text: str, ranges: Sequence[tuple[int, int]], most: int) -> Sequence[int] | int:
        """Return the positions in ranges of the codes that begin with a text, ascending.

        A number stands for positions that are not told: 0 when every code begins so, else how many symbols the text
        lacks for finding them by a look at `most` codes.
        """
        ...

    def decode_lines(self, text: bytes) -> Sequence[int]:
        """Return the index of the code on each line, NO_CODE where there is none."""
        ...

    def end_of_range(self, start: int, count: int) -> int | None:
        """Return the end of the shortest range from `start` that has `count` codes, None when the space ends."""
        ...

    @property
    def line_bytes(self) -> int: ...  # noqa: D102

    def count_blocked(self, start: int, end: int) -> int:
        """Return how many indices of a range the blocklist skips."""
        ...

    def export(self, start: int, end: int) -> bytes:
        """Return the codes of a range, each followed by a line feed."""
        ...


NO_CODE = 2**64 - 1
"""Stands for the index of a line that is no code."""


class CodeKernel(Protocol):
    """The face of the codes crate that the use cases need."""

    def check_layout(self, layout: CodeLayout, count: int) -> LayoutFacts:
        """Return facts about a layout; refuse with CODE_LAYOUT_INVALID.

        A layout that leaves its length to the engine gets one that holds `count` codes.
        """
        ...

    def shortage(self, specification: str, count: int) -> Shortage | None:
        """Return why a canonical layout cannot hold `count` computed codes, None when it can."""
        ...

    def verification_key(
        self,
        campaign_id: str,
        campaign_name: str,
        layout: RegisteredLayout,
        ranges: Sequence[tuple[int, int]],
        export_ms: int,
    ) -> bytes:
        """Return what tells whether a code of a campaign was issued, as a JSON document."""
        ...

    def overlap(self, first: str, second: str) -> bool:
        """Return whether two canonical layouts can spell one string."""
        ...

    def new_key(self) -> bytes:
        """Return a new layout key, wrapped by the master."""
        ...

    def codec(self, specification: str, wrapped_key: bytes) -> Codec:
        """Return the codec of a layout."""
        ...


class DefinitionKernel(Protocol):
    """The face of the decision crate that the use cases need."""

    def check_definition(self, document: Mapping[str, object], owner: str) -> Mapping[str, object]:
        """Return the canonical definition; refuse with FIELD_INVALID and every violation, as of fields of `owner`."""
        ...
