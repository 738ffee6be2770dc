"""Projects and API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final, Literal, TypeAlias

from promo.client import methods
from promo.client.calls import Caller
from promo.v1.access_service_pb2 import (
    CreateApiKeyRequest,
    CreateProjectRequest,
    ListApiKeysRequest,
    ListProjectsRequest,
    RevokeApiKeyRequest,
)
from promo.v1.project_pb2 import ApiKey, Project, Role

RoleName: TypeAlias = Literal["admin", "manager", "checkout", "publisher", "viewer"]

_ROLES: Final[Mapping[RoleName, Role.ValueType]] = {
    "admin": Role.ROLE_ADMIN,
    "manager": Role.ROLE_MANAGER,
    "checkout": Role.ROLE_CHECKOUT,
    "publisher": Role.ROLE_PUBLISHER,
    "viewer": Role.ROLE_VIEWER,
}


class Access:
    """Manages projects and keys. `client.access`."""

    def __init__(self, caller: Caller) -> None:
        """Call through `caller`."""
        self._caller = caller

    async def create_project(
        self,
        name: str,
        *,
        time_zone: str = "UTC",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Project:
        """Return the new project. Raises ProjectAlreadyExists."""
        request = CreateProjectRequest(
            project=Project(name=name, time_zone=time_zone),
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._caller.unary(methods.CREATE_PROJECT, request, timeout)

    async def list_projects(
        self,
        *,
        page_size: int = 100,
        timeout: float | None = None,
    ) -> AsyncIterator[Project]:
        """Yield every project, newest first; `timeout` is that of each page."""
        token = ""
        while True:
            request = ListProjectsRequest(page_size=page_size, page_token=token)
            page = await self._caller.unary(methods.LIST_PROJECTS, request, timeout)
            for project in page.projects:
                yield project
            token = page.next_page_token
            if not token:
                return

    async def create_key(
        self,
        roles: Iterable[RoleName],
        *,
        name: str = "",
        project_id: str = "",
        timeout: float | None = None,
    ) -> ApiKey:
        """Return a new key with its token, which is never shown again.

        A call whose answer is lost is not repeated: revoke the key that came of
        it, if one did, and make another. `project_id` is the caller's own unless
        given.
        """
        key = ApiKey(name=name, roles=[_ROLES[role] for role in roles])
        request = CreateApiKeyRequest(project_id=project_id, api_key=key)
        return await self._caller.unary(methods.CREATE_API_KEY, request, timeout)

    async def list_keys(
        self,
        *,
        project_id: str = "",
        page_size: int = 100,
        timeout: float | None = None,
    ) -> AsyncIterator[ApiKey]:
        """Yield every key without its token, newest first."""
        token = ""
        while True:
            request = ListApiKeysRequest(project_id=project_id, page_size=page_size, page_token=token)
            page = await self._caller.unary(methods.LIST_API_KEYS, request, timeout)
            for key in page.api_keys:
                yield key
            token = page.next_page_token
            if not token:
                return

    async def revoke_key(self, key_id: str, *, timeout: float | None = None) -> ApiKey:
        """Return the key, which stops working within one second."""
        request = RevokeApiKeyRequest(id=key_id)
        return await self._caller.unary(methods.REVOKE_API_KEY, request, timeout)
