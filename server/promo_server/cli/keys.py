"""`promo keys`: the keys with which programs call."""

from __future__ import annotations

from typing import Annotated

import uvloop
from cyclopts import Parameter

from promo.client.access import RoleName
from promo.v1.project_pb2 import ApiKey, Role
from promo_server.cli.field_options import Sets
from promo_server.cli.options import RequestId, ServerOptions, SettingsOptions, ValidateOnly, call, connect
from promo_server.cli.output import Json, print_json, print_line, print_table, spell_time

Project = Annotated[str, Sets("project_id"), Parameter(help="Id of another project; needs an admin key.")]


def create(
    *,
    role: Annotated[tuple[RoleName, ...], Sets("roles"), Parameter(negative=())] = ("checkout",),
    name: str = "",
    project: Project = "",
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Create a key and show its token; a repeat with the same request id shows the key alone.

    Parameters
    ----------
    role
        What the key may do; give it again for several.
    name
        For people: which program uses it.

    """
    key = call(
        settings,
        server,
        lambda client: client.access.create_key(
            role, name=name, project_id=project, request_id=request_id, validate_only=validate_only
        ),
    )
    if json:
        token = {"token": key.token, "key": f"{key.id}:{key.token}"} if key.token else {}
        print_json({**_document(key), **token})
        return
    if validate_only:
        print_line(f"A key can be made ({', '.join(_roles(key))}). Nothing was changed.")
        return
    if not key.token:
        print_line(f"{key.id} was created before; its token is not shown again. If lost: promo keys revoke {key.id}")
        return
    print_line(f"Created {key.id} ({', '.join(_roles(key))}). Its token is shown this once:")
    print_line(f"\n    PROMO_KEY={key.id}:{key.token}\n")


def list_keys(
    *,
    project: Project = "",
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """List keys without their tokens."""
    keys = uvloop.run(_list(server, settings, project))
    if json:
        for key in keys:
            print_json(_document(key))
        return
    rows = [
        (key.id, key.name, ", ".join(_roles(key)), _time(key, "create_time") or "", _time(key, "revoke_time") or "")
        for key in keys
    ]
    print_table(("id", "name", "roles", "created", "revoked"), rows)


def revoke(
    key_id: Annotated[str, Sets("id")],
    /,
    *,
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """End a key.

    Parameters
    ----------
    key_id
        The part before the colon; `promo keys list` shows it.

    """
    key = call(
        settings,
        server,
        lambda client: client.access.revoke_key(key_id, request_id=request_id, validate_only=validate_only),
    )
    if json:
        print_json(_document(key))
    elif validate_only:
        print_line(f"{key.id} can be revoked. Nothing was changed.")
    else:
        print_line(f"Revoked {key.id}.")


async def _list(server: ServerOptions, settings: SettingsOptions, project: str) -> list[ApiKey]:
    async with connect(settings, server) as client:
        return [key async for key in client.access.list_keys(project_id=project)]


def _roles(key: ApiKey) -> list[str]:
    return [Role.Name(role).removeprefix("ROLE_").lower() for role in key.roles]


def _time(key: ApiKey, field: str) -> str | None:
    if not key.HasField(field):  # type: ignore[arg-type]
        return None
    moment = key.revoke_time if field == "revoke_time" else key.create_time
    return spell_time(moment)


def _document(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "project_id": key.project_id,
        "name": key.name,
        "roles": _roles(key),
        "create_time": _time(key, "create_time"),
        "revoke_time": _time(key, "revoke_time"),
    }
