"""Projects and API keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from promo.client import methods
from promo.client.calls import Caller
from promo.client.page import Page
from promo.client.paging import Listing, listing
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

    def list_projects(
        self,
        *,
        page_size: int = 100,
        page_token: str = "",
        timeout: float | None = None,
    ) -> Listing[Project]:
        """Return the projects, newest first; `timeout` is that of each page."""
        return listing(
            self._caller,
            methods.LIST_PROJECTS,
            lambda token: ListProjectsRequest(page_size=page_size, page_token=token),
            lambda answer: Page(answer.projects, answer.next_page_token),
            page_token=page_token,
            timeout=timeout,
        )

    async def create_key(
        self,
        roles: Iterable[RoleName],
        *,
        name: str = "",
        project_id: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> ApiKey:
        """Return a new key with its token, which is never shown again.

        A call whose answer is lost is not repeated by itself. Repeated with the
        error's `request_id` it makes no second key and returns the first without
        its token: revoke that one, and make another. `project_id` is the
        caller's own unless given.
        """
        key = ApiKey(name=name, roles=[_ROLES[role] for role in roles])
        request = CreateApiKeyRequest(
            project_id=project_id, api_key=key, request_id=request_id, validate_only=validate_only
        )
        return await self._caller.unary(methods.CREATE_API_KEY, request, timeout)

    def list_keys(
        self,
        *,
        project_id: str = "",
        page_size: int = 100,
        page_token: str = "",
        timeout: float | None = None,
    ) -> Listing[ApiKey]:
        """Return the keys without their tokens, newest first; `timeout` is that of each page."""
        return listing(
            self._caller,
            methods.LIST_API_KEYS,
            lambda token: ListApiKeysRequest(project_id=project_id, page_size=page_size, page_token=token),
            lambda answer: Page(answer.api_keys, answer.next_page_token),
            page_token=page_token,
            timeout=timeout,
        )

    async def revoke_key(
        self,
        key_id: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> ApiKey:
        """Return the key, which stops working within one second. Raises ApiKeyNotFound."""
        request = RevokeApiKeyRequest(id=key_id, request_id=request_id, validate_only=validate_only)
        return await self._caller.unary(methods.REVOKE_API_KEY, request, timeout)
