"""One transaction with the rows of every resource."""

from __future__ import annotations

from functools import cached_property

from promo_server.sql.rows.answers import SqlKeptAnswers
from promo_server.sql.rows.archive import SqlArchive
from promo_server.sql.rows.campaigns import SqlCampaigns
from promo_server.sql.rows.codes import SqlCodeBatches, SqlStoredCodes
from promo_server.sql.rows.erasures import SqlErasures
from promo_server.sql.rows.history import SqlHistory
from promo_server.sql.rows.imports import SqlImports
from promo_server.sql.rows.keys import SqlApiKeys
from promo_server.sql.rows.layouts import SqlLayouts
from promo_server.sql.rows.operations import SqlOperations
from promo_server.sql.rows.pending import SqlPending
from promo_server.sql.rows.projects import SqlProjects
from promo_server.sql.rows.set_aside import SqlSetAside
from promo_server.sql.rows.totals import SqlTotals
from promo_server.sql.rows.vouchers import SqlVouchers
from promo_server.sql.statements import Statements


class Unit:
    """The port `UnitOfWork` over one connection."""

    def __init__(self, connection: Statements) -> None:
        """Use the transaction that is open on the connection."""
        self._connection = connection

    @cached_property
    def projects(self) -> SqlProjects:
        """Projects."""
        return SqlProjects(self._connection)

    @cached_property
    def keys(self) -> SqlApiKeys:
        """API keys."""
        return SqlApiKeys(self._connection)

    @cached_property
    def campaigns(self) -> SqlCampaigns:
        """Campaigns."""
        return SqlCampaigns(self._connection)

    @cached_property
    def layouts(self) -> SqlLayouts:
        """Layouts and ranges."""
        return SqlLayouts(self._connection)

    @cached_property
    def stored_codes(self) -> SqlStoredCodes:
        """Stored codes."""
        return SqlStoredCodes(self._connection)

    @cached_property
    def batches(self) -> SqlCodeBatches:
        """Code batches."""
        return SqlCodeBatches(self._connection)

    @cached_property
    def operations(self) -> SqlOperations:
        """Long-running operations."""
        return SqlOperations(self._connection)

    @cached_property
    def answers(self) -> SqlKeptAnswers:
        """Kept answers."""
        return SqlKeptAnswers(self._connection)

    @cached_property
    def pending(self) -> SqlPending:
        """Changes that wait for the store."""
        return SqlPending(self._connection)

    @cached_property
    def archive(self) -> SqlArchive:
        """What happened."""
        return SqlArchive(self._connection)

    @cached_property
    def set_aside(self) -> SqlSetAside:
        """Entries that the archive could not take."""
        return SqlSetAside(self._connection)

    @cached_property
    def history(self) -> SqlHistory:
        """Lists and gets over what happened."""
        return SqlHistory(self._connection)

    @cached_property
    def erasures(self) -> SqlErasures:
        """Persons who were erased."""
        return SqlErasures(self._connection)

    @cached_property
    def imports(self) -> SqlImports:
        """Imports of codes."""
        return SqlImports(self._connection)

    @cached_property
    def vouchers(self) -> SqlVouchers:
        """What is known of single vouchers."""
        return SqlVouchers(self._connection)

    @cached_property
    def totals(self) -> SqlTotals:
        """Sums of what happened."""
        return SqlTotals(self._connection)

    async def rollback(self) -> None:
        """Undo everything so far."""
        await self._connection.rollback()
