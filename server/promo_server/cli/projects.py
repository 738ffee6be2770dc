"""`promo projects`: the tenants of a server."""

from __future__ import annotations

from promo.v1.project_pb2 import Project
from promo_server.cli.documents import to_document
from promo_server.cli.listing import ListOptions, Table, show
from promo_server.cli.options import RequestId, ServerOptions, SettingsOptions, ValidateOnly, call
from promo_server.cli.output import Json, print_json, print_line, spell_time


def create(
    name: str,
    /,
    *,
    time_zone: str = "UTC",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Create a project.

    Parameters
    ----------
    name
        Unique on the server.
    time_zone
        IANA name of the zone of its days, weeks and months; it cannot be changed afterwards.

    """
    project = call(
        settings,
        server,
        lambda client: client.access.create_project(
            name, time_zone=time_zone, request_id=request_id, validate_only=validate_only
        ),
    )
    if json:
        print_json(to_document(project))
    elif validate_only:
        print_line(f"Project {name} can be created.")
    else:
        print_line(f"Created {project.name} ({project.id}). A key for it: promo keys create --project {project.id}")


def list_projects(
    *,
    options: ListOptions = ListOptions(),  # noqa: B008
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List projects, newest first."""
    table: Table[Project] = Table(
        ("id", "name", "time zone", "created"),
        lambda project: (project.id, project.name, project.time_zone, spell_time(project.create_time)),
    )
    show(
        settings,
        server,
        lambda client: client.access.list_projects(page_size=options.page_size),
        table,
        options,
        json=json,
    )
