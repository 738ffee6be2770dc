"""What the use cases need of each kind of row. Every method belongs to one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from promo_server.domain.access import ApiKey, Project
from promo_server.domain.campaign import Campaign, CodeBatch, KeptCodes
from promo_server.domain.code_import import CodeImport, LateCodes, RefusedRow
from promo_server.domain.layout import CodeLayout, RegisteredLayout, TakenRange
from promo_server.domain.operation import Operation
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.requests import Repeat
from promo_server.services.moments import KnownEpoch
from promo_server.services.pending import Pending


class ProjectRows(Protocol):
    """Projects."""

    async def insert(self, project: Project) -> None:
        """Add a project; its name must be free."""
        ...

    async def by_id(self, project_id: str) -> Project | None:
        """Return a project."""
        ...

    async def by_name(self, name: str) -> Project | None:
        """Return a project."""
        ...

    async def lock(self, project_id: str) -> Project:
        """Return a project and let no other transaction change its definitions until this one ends.

        Refuse with PROJECT_NOT_FOUND.
        """
        ...

    async def update(self, project: Project) -> None:
        """Write version and next numbers of a locked project."""
        ...

    async def page(self, page: Page, only: str | None) -> PageOf[Project]:
        """Return projects, newest first; `only` keeps one."""
        ...

    async def all_ids(self) -> Sequence[str]:
        """Return the id of every project."""
        ...


class ApiKeyRows(Protocol):
    """API keys."""

    async def insert(self, key: ApiKey) -> None:
        """Add a key."""
        ...

    async def by_id(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        ...

    async def update(self, key: ApiKey) -> None:
        """Write a key's revocation, roles and hash."""
        ...

    async def page(self, project_id: str, page: Page) -> PageOf[ApiKey]:
        """Return keys of a project, newest first."""
        ...

    async def all_ids(self) -> Sequence[tuple[str, str]]:
        """Return (project, key id) of every key, revoked ones included."""
        ...


class CampaignRows(Protocol):
    """Campaigns that were not deleted, unless a method says otherwise."""

    async def insert(self, campaign: Campaign) -> None:
        """Add a campaign; number and name must be free."""
        ...

    async def update(self, campaign: Campaign) -> None:
        """Write everything of a campaign that can change."""
        ...

    async def find(self, project_id: str, id_or_name: str) -> Campaign | None:
        """Return the campaign with that id, else the one with that name."""
        ...

    async def by_number(self, project_id: str, number: int) -> Campaign | None:
        """Return a campaign, deleted or not."""
        ...

    async def by_ids(self, project_id: str, ids: Collection[str]) -> Mapping[str, Campaign]:
        """Return campaigns by id, deleted or not."""
        ...

    async def names(self, project_id: str) -> Sequence[tuple[int, str, str]]:
        """Return (number, id, name) of every campaign, by number."""
        ...

    async def page(self, project_id: str, page: Page) -> PageOf[Campaign]:
        """Return campaigns, newest first."""
        ...

    async def single_use(self, project_id: str) -> set[int]:
        """Return the numbers of campaigns whose codes are single-use, deleted ones included."""
        ...

    async def any(self) -> bool:
        """Return whether there is a campaign in any project, deleted ones included."""
        ...

    async def kept_codes(self, project_id: str) -> Sequence[KeptCodes]:
        """Return how many codes of each campaign are kept one by one, deleted campaigns included, by number."""
        ...

    async def numbers(self, project_id: str) -> Mapping[str, int]:
        """Return the number of every campaign by id, deleted ones included."""
        ...


class LayoutRows(Protocol):
    """Layouts of a project and the ranges that campaigns took of them."""

    async def all_of(self, project_id: str) -> Sequence[RegisteredLayout]:
        """Return the layouts of a project, by number."""
        ...

    async def insert(self, layout: RegisteredLayout) -> None:
        """Add a layout."""
        ...

    async def advance(self, layout: RegisteredLayout) -> None:
        """Write the lowest index never taken."""
        ...

    async def take(self, project_id: str, campaign_id: str, ranges: Iterable[TakenRange]) -> None:
        """Add ranges; none may meet another of the layout."""
        ...

    async def ranges_of(self, project_id: str) -> Sequence[TakenRange]:
        """Return every range taken in a project."""
        ...

    async def campaign_ranges(self, campaign_id: str) -> Sequence[TakenRange]:
        """Return the ranges of a campaign by position."""
        ...

    async def of_campaign(self, campaign_id: str) -> tuple[RegisteredLayout, list[TakenRange]] | None:
        """Return the layout of a campaign with computed codes, and its ranges by position; None without such codes."""
        ...

    async def range_of(self, project_id: str, layout_number: int, index: int) -> TakenRange | None:
        """Return the range that an index is in."""
        ...

    async def skip(self, project_id: str, layout_number: int, indices: Sequence[int]) -> None:
        """Remember indices that no campaign may take, since stored codes spell them."""
        ...

    async def skips_from(self, project_id: str, layout_number: int, index: int, end: int) -> Sequence[int]:
        """Return the skipped indices in `[index, end)`, ascending."""
        ...


class StoredCodeRows(Protocol):
    """Codes that are stored one by one."""

    async def existing(self, project_id: str, codes: Sequence[str]) -> set[str]:
        """Return those of the codes that the project has."""
        ...

    async def find(self, project_id: str, code: str) -> tuple[int, int] | None:
        """Return (campaign number, position) of a code, whose campaign may be deleted."""
        ...

    async def places(self, project_id: str, codes: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return (campaign number, position) of those of the codes that the project has."""
        ...

    async def insert(self, project_id: str, campaign_id: str, first_position: int, codes: Sequence[str]) -> None:
        """Add codes at consecutive positions; none may exist."""
        ...

    async def slice(self, campaign_id: str, first_position: int, count: int) -> Sequence[str]:
        """Return codes by position."""
        ...

    async def at(self, campaign_id: str, positions: Collection[int]) -> Mapping[int, str]:
        """Return the codes at positions, in order of position."""
        ...

    async def beginning(
        self, project_id: str, campaign_id: str, text: str, positions: tuple[int, int], count: int
    ) -> Sequence[int]:
        """Return positions in `[first, end)` of codes that begin with a text, ascending, up to `count` of them."""
        ...

    async def layouts_in_use(self, project_id: str) -> Sequence[tuple[str, CodeLayout | None]]:
        """Return (campaign id, layout) of every campaign that has stored codes, deleted ones included.

        The layout is None where callers gave codes, which can look like anything.
        """
        ...

    async def after(self, campaign_id: str, position: int, count: int) -> Sequence[tuple[int, str]]:
        """Return (position, code) of the codes that follow a position, up to `count` of them."""
        ...

    async def delete_from(self, campaign_id: str, first_position: int) -> None:
        """Forget the codes from a position on."""
        ...


class CodeBatchRows(Protocol):
    """Batches of codes."""

    async def insert(self, batch: CodeBatch) -> None:
        """Add a batch."""
        ...

    async def page(self, campaign_id: str, page: Page) -> PageOf[CodeBatch]:
        """Return batches, oldest first."""
        ...


class ImportRows(Protocol):
    """Imports of codes."""

    async def insert(self, new: CodeImport) -> None:
        """Add an import."""
        ...

    async def update(self, current: CodeImport) -> None:
        """Write state and progress."""
        ...

    async def by_id(self, project_id: str, import_id: str) -> CodeImport | None:
        """Return an import of a project."""
        ...

    async def open_of(self, campaign_id: str) -> CodeImport | None:
        """Return the import of a campaign that is neither finished nor aborted."""
        ...

    async def forget_store(self) -> None:
        """Note that the store has none of the codes of open imports."""
        ...

    async def keep_late(self, late: LateCodes, due_ms: int) -> None:
        """Keep codes that are to be taken back at a time, since they may get to the store before."""
        ...

    async def due_late(self, now_ms: int, after: LateCodes | None = None) -> LateCodes | None:
        """Return the first kept codes that are due, of those that follow others."""
        ...

    async def forget_late(self, late: LateCodes) -> None:
        """Forget kept codes."""
        ...

    async def refuse(self, import_id: str, rows: Sequence[RefusedRow]) -> None:
        """Add refused rows."""
        ...

    async def refused_between(self, import_id: str, first_row: int, end_row: int) -> Sequence[RefusedRow]:
        """Return the refused rows among `[first_row, end_row)`, ascending."""
        ...

    async def refused(self, import_id: str, page: Page) -> PageOf[RefusedRow]:
        """Return refused rows, ascending."""
        ...

    async def forget_refused(self, before_ms: int, limit: int) -> int:
        """Forget up to `limit` refused rows of imports that ended before a time, and return how many."""
        ...


class OperationRows(Protocol):
    """Long-running operations."""

    async def insert(self, operation: Operation) -> None:
        """Add an operation."""
        ...

    async def update(self, operation: Operation) -> None:
        """Write state, progress and outcome."""
        ...

    async def by_id(self, project_id: str, operation_id: str) -> Operation | None:
        """Return an operation of a project."""
        ...

    async def delete(self, operation_id: str) -> None:
        """Forget an operation."""
        ...

    async def page(self, project_id: str, page: Page) -> PageOf[Operation]:
        """Return operations, newest first."""
        ...

    async def running(self) -> Sequence[Operation]:
        """Return the operations that have not come to their end, oldest first."""
        ...

    async def delete_ended(self, before_ms: int, limit: int) -> int:
        """Forget up to `limit` operations that ended before a time, and return how many."""
        ...


class KeptAnswerRows(Protocol):
    """First answers to request ids."""

    async def find(self, project_id: str, repeat: Repeat, now_ms: int) -> tuple[bytes, bytes] | None:
        """Return (body hash, answer) of a request id that is still kept."""
        ...

    async def keep(self, project_id: str, repeat: Repeat, answer: bytes, expire_ms: int) -> None:
        """Keep an answer, in place of an expired one if there is one."""
        ...

    async def delete_expired(self, now_ms: int, limit: int) -> int:
        """Forget up to `limit` expired answers and return how many."""
        ...


class PendingRows(Protocol):
    """Changes of definitions that the store does not have yet."""

    async def add(self, pending: Iterable[Pending]) -> None:
        """Add changes, or give those already there another revision."""
        ...

    async def all(self, project_id: str | None, limit: int) -> Sequence[Pending]:
        """Return changes in the order in which they must be published."""
        ...

    async def remove(self, pending: Iterable[Pending]) -> None:
        """Forget changes whose revision is still the one given."""
        ...

    async def count(self) -> int:
        """Return how many changes wait."""
        ...

    async def known_epoch(self) -> KnownEpoch:
        """Return what is known of the store's epochs."""
        ...

    async def note_epoch(self, epoch: int) -> None:
        """Note that the store has had an epoch."""
        ...

    async def note_loss(self, epoch: int) -> bool:
        """Note that the store has lost something, while an epoch is the highest known; return whether it still was."""
        ...

    async def begin_again(self, epoch: int) -> None:
        """Note that the store has this epoch, and that what it lost is dealt with."""
        ...
