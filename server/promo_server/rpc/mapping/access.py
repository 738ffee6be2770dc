"""Projects and API keys."""

from __future__ import annotations

from promo.v1 import access_service_pb2, project_pb2
from promo_server.domain.access import ApiKey, Project, Role
from promo_server.domain.requests import Repeat
from promo_server.rpc.mapping import times
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.repeats import repeat_of
from promo_server.services.access import NewKey, NewProject

_NAME_BYTES = 128
_ID_BYTES = 128
_ROLES = {
    project_pb2.ROLE_ADMIN: Role.ADMIN,
    project_pb2.ROLE_MANAGER: Role.MANAGER,
    project_pb2.ROLE_CHECKOUT: Role.CHECKOUT,
    project_pb2.ROLE_PUBLISHER: Role.PUBLISHER,
    project_pb2.ROLE_VIEWER: Role.VIEWER,
}
_ROLE_NUMBERS = {role: number for number, role in _ROLES.items()}


def new_project(request: access_service_pb2.CreateProjectRequest) -> tuple[NewProject, Repeat]:
    """Return what the request says about a new project, and its repeat key."""
    checks = Checks()
    repeat = repeat_of("CreateProject", request, checks)
    checks.text("project.name", request.project.name, _NAME_BYTES, required=True)
    checks.text("project.time_zone", request.project.time_zone, 64)
    checks.finish()
    return NewProject(request.project.name, request.project.time_zone or "UTC"), repeat


def new_key(request: access_service_pb2.CreateApiKeyRequest) -> tuple[NewKey, Repeat]:
    """Return what the request says about a new key, and its repeat key."""
    checks = Checks()
    repeat = repeat_of("CreateApiKey", request, checks)
    checks.text("project_id", request.project_id, _ID_BYTES)
    checks.text("api_key.name", request.api_key.name, _NAME_BYTES)
    if not request.api_key.roles:
        checks.add("api_key.roles", "needs at least one role")
    roles = []
    for place, number in enumerate(request.api_key.roles):
        role = _ROLES.get(number)
        if role is None:
            checks.add(f"api_key.roles[{place}]", "is not a known role")
        elif role not in roles:
            roles.append(role)
    checks.finish()
    return NewKey(request.project_id, request.api_key.name, tuple(roles)), repeat


def listed_project(request: access_service_pb2.ListApiKeysRequest) -> str:
    """Return the id of the project whose keys are wanted; empty stands for the caller's."""
    checks = Checks()
    checks.text("project_id", request.project_id, _ID_BYTES)
    checks.finish()
    return request.project_id


def revoked_key(request: access_service_pb2.RevokeApiKeyRequest) -> tuple[str, Repeat]:
    """Return the id of the key to end, and the repeat key."""
    checks = Checks()
    repeat = repeat_of("RevokeApiKey", request, checks)
    checks.text("id", request.id, _ID_BYTES, required=True)
    checks.finish()
    return request.id, repeat


def project(value: Project) -> project_pb2.Project:
    """Return the message of a project; a dry run's has no id and no etag."""
    return project_pb2.Project(
        id=value.id,
        name=value.name,
        time_zone=value.time_zone,
        create_time=times.timestamp(value.create_ms),
        etag=value.etag if value.id else "",
    )


def api_key(value: ApiKey, token: str = "") -> project_pb2.ApiKey:
    """Return the message of a key; only a new one has its token."""
    message = project_pb2.ApiKey(
        id=value.id,
        project_id=value.project_id,
        name=value.name,
        roles=[_ROLE_NUMBERS[role] for role in value.roles],
        token=token,
        create_time=times.timestamp(value.create_ms),
    )
    if value.revoke_ms is not None:
        message.revoke_time.CopyFrom(times.timestamp(value.revoke_ms))
    return message
