"""`promo ledger`: whether store, ledger and archive tell the same story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number

from promo_server.cli.books import Books, open_books
from promo_server.cli.books import verify as compare
from promo_server.cli.command_error import CommandError
from promo_server.cli.options import SettingsOptions
from promo_server.cli.output import Json, print_json, print_line, print_table
from promo_server.domain.access import Project
from promo_server.domain.paging import Page
from promo_server.settings import Settings
from promo_server.workers.verification import Report

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a project."""

    project: Project
    report: Report


def verify(
    *,
    project: str = "",
    wait: Annotated[float, Parameter(validator=Number(gte=0))] = 10.0,
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    json: Json = False,
) -> int:
    """Compare them, and return 1 when they differ.

    Parameters
    ----------
    project
        Id or name of one project; all of them when absent.
    wait
        Seconds that the archive may take to catch up.

    """
    verified = uvloop.run(_verify(settings.load().settings, project, wait))
    if json:
        documents = [_document(one) for one in verified]
        print_json({"projects": documents, "agrees": all(one.report.agrees for one in verified)})
    else:
        for one in verified:
            _show(one)
    return 0 if all(one.report.agrees for one in verified) else 1


async def _verify(settings: Settings, wanted: str, wait: float) -> list[Verified]:
    async with open_books(settings) as books:
        projects = [project for project in await every_project(books) if wanted in {"", project.id, project.name}]
        if not projects:
            raise CommandError(f"there is no project {wanted!r}; leave --project out to verify all")
        return [Verified(project, await compare(books, project.id, wait)) for project in projects]


async def every_project(books: Books) -> list[Project]:
    """Return the projects that the books have."""
    found: list[Project] = []
    after: int | None = None
    while True:
        async with books.database.read() as unit:
            page = await unit.projects.page(Page(_PAGE, after), None)
        found += page.rows
        after = page.last
        if after is None:
            return found


def _show(verified: Verified) -> None:
    report = verified.report
    name = f"{verified.project.name} ({verified.project.id})"
    compared = f"{report.limits:,} limits and {report.entries:,} ledger entries"
    if report.agrees:
        held = f"; {report.live_holds:,} holds explain what {report.held:,} of them have more" if report.held else ""
        print_line(f"{name}: store, ledger and archive agree on {compared}{held}.")
        return
    print_line(f"{name}: DIFFERENCES in {compared}.")
    if report.waiting:
        print_line(f"  {report.waiting:,} entries are not in the archive yet; is a server running that archives them?")
    if report.slot_conflicts:
        print_line(f"  {report.slot_conflicts:,} uses had a slot that was taken: a limit was passed.")
    if report.differences:
        print_table(("limit or entry", "difference"), [(one.subject, one.problem) for one in report.differences])


def _document(verified: Verified) -> dict[str, object]:
    report = verified.report
    return {
        "project_id": verified.project.id,
        "project": verified.project.name,
        "agrees": report.agrees,
        "limits": report.limits,
        "entries": report.entries,
        "waiting": report.waiting,
        "live_holds": report.live_holds,
        "limits_with_holds": report.held,
        "slot_conflicts": report.slot_conflicts,
        "differences": [{"subject": one.subject, "problem": one.problem} for one in report.differences],
    }
