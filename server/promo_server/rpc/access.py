"""AccessService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import access_service_pb2, access_service_pb2_grpc, project_pb2
from promo_server.domain.paging import encode_token
from promo_server.rpc import identity
from promo_server.rpc.mapping import access as mapping
from promo_server.rpc.mapping.checks import Checks
from promo_server.services.access import Access

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class AccessServicer(access_service_pb2_grpc.AccessServiceServicer):
    """Manages projects and keys."""

    def __init__(self, access: Access) -> None:
        """Keep the use cases."""
        self._access = access

    async def CreateProject(
        self,
        request: access_service_pb2.CreateProjectRequest,
        _context: Context,
    ) -> project_pb2.Project:
        new, repeat = mapping.new_project(request)
        caller = identity.current()
        project = await self._access.create_project(caller, new, repeat, validate_only=request.validate_only)
        return mapping.project(project)

    async def ListProjects(
        self,
        request: access_service_pb2.ListProjectsRequest,
        _context: Context,
    ) -> access_service_pb2.ListProjectsResponse:
        caller = identity.current()
        scope = "" if caller.admin else caller.project
        page = Checks().page("projects", scope, request.page_size, request.page_token)
        found = await self._access.list_projects(caller, page)
        return access_service_pb2.ListProjectsResponse(
            projects=[mapping.project(project) for project in found.rows],
            next_page_token=encode_token("projects", scope, found.last),
        )

    async def CreateApiKey(
        self,
        request: access_service_pb2.CreateApiKeyRequest,
        _context: Context,
    ) -> project_pb2.ApiKey:
        new, repeat = mapping.new_key(request)
        caller = identity.current()
        issued = await self._access.create_key(caller, new, repeat, validate_only=request.validate_only)
        return mapping.api_key(issued.key, issued.token)

    async def ListApiKeys(
        self,
        request: access_service_pb2.ListApiKeysRequest,
        _context: Context,
    ) -> access_service_pb2.ListApiKeysResponse:
        caller, project = identity.current(), mapping.listed_project(request)
        scope = project or caller.project
        page = Checks().page("api_keys", scope, request.page_size, request.page_token)
        found = await self._access.list_keys(caller, project, page)
        return access_service_pb2.ListApiKeysResponse(
            api_keys=[mapping.api_key(key) for key in found.rows],
            next_page_token=encode_token("api_keys", scope, found.last),
        )

    async def RevokeApiKey(
        self,
        request: access_service_pb2.RevokeApiKeyRequest,
        _context: Context,
    ) -> project_pb2.ApiKey:
        key_id, repeat = mapping.revoked_key(request)
        caller = identity.current()
        key = await self._access.revoke_key(caller, key_id, repeat, validate_only=request.validate_only)
        return mapping.api_key(key)
