"""Projects and API keys."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from promo_server.domain.access import ApiKey, Caller, Project, Role, scopes_of
from promo_server.domain.errors import DomainError, FieldsInvalidError, Violation
from promo_server.domain.identifiers import RANDOM_BYTES, project_id, resource_id
from promo_server.domain.paging import Page, PageOf
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services import pending
from promo_server.services.bundles import BundlePublisher
from promo_server.services.changes import Changes
from promo_server.services.documents import API_KEY, PROJECT
from promo_server.services.ports import Database, Entropy, UnitOfWork

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a caller says about a new project."""

    name: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a caller says about a new key. An empty `project_id` stands for the caller's own project."""

    project_id: str
    name: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its token, which is not kept: it is empty for a key that was made before."""

    key: ApiKey
    token: str


def token_hash(token: str) -> str:
    """Return what is kept of a token.

    Plain SHA-256 suffices: a token has 256 random bits, so there is nothing to guess and nothing to slow down.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def require_zone(time_zone: str, field: str) -> None:
    """Refuse a name that is no IANA time zone."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldsInvalidError((Violation(field, "is not the name of an IANA time zone"),)) from None


def _require_reach(caller: Caller, roles: tuple[Role, ...]) -> None:
    """Refuse unless the caller may do all that the roles may."""
    for scope in sorted(scopes_of(roles)):
        caller.require_scope(scope)
    if Role.ADMIN in roles and not caller.admin:
        raise DomainError(Reason.SCOPE_MISSING, scope="projects.write")


class Access:
    """Creates, lists and ends what lets programs call."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        publisher: BundlePublisher,
        entropy: Entropy,
    ) -> None:
        """Keep what access needs."""
        self._database = database
        self._changes = changes
        self._publisher = publisher
        self._entropy = entropy

    async def create_project(
        self,
        caller: Caller,
        new: NewProject,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> Project:
        """Return a new project. The request id is scoped to the caller's own project."""
        require_zone(new.time_zone, "project.time_zone")

        async def change(unit: UnitOfWork, _callers: Project, now_ms: int) -> Project:
            return await self._insert_project(unit, new, now_ms)

        project = await self._changes.run(caller.project, repeat, PROJECT, change, validate_only=validate_only)
        if validate_only:
            return replace(project, id="")
        await self._publisher.publish(project.id)
        return project

    async def _insert_project(self, unit: UnitOfWork, new: NewProject, now_ms: int) -> Project:
        if await unit.projects.by_name(new.name) is not None:
            raise DomainError(Reason.PROJECT_ALREADY_EXISTS, project=new.name)
        project = Project(project_id(self._entropy(RANDOM_BYTES)), new.name, new.time_zone, now_ms)
        await unit.projects.insert(project)
        await unit.pending.add([pending.project(project.id)])
        return project

    async def list_projects(self, caller: Caller, page: Page) -> PageOf[Project]:
        """Return a page of projects; who may not manage projects sees the own one."""
        async with self._database.read() as unit:
            return await unit.projects.page(page, None if caller.admin else caller.project)

    async def create_key(
        self,
        caller: Caller,
        new: NewKey,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> IssuedKey:
        """Return a new key with its token. A caller can give no scope that it lacks.

        A repeat has the first key without its token. The request id is scoped to the project that gets the key.
        """
        _require_reach(caller, new.roles)
        token = base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).decode("ascii").rstrip("=")

        async def change(unit: UnitOfWork, owner: Project, now_ms: int) -> ApiKey:
            key = ApiKey(
                id=resource_id("key", self._entropy(RANDOM_BYTES)),
                project_id=owner.id,
                name=new.name,
                roles=new.roles,
                token_hash=token_hash(token),
                create_ms=now_ms,
            )
            await unit.keys.insert(key)
            await unit.pending.add([pending.api_key(owner.id, key.id)])
            return key

        owner_id = caller.project_or_own(new.project_id)
        key = await self._changes.run(owner_id, repeat, API_KEY, change, validate_only=validate_only)
        if validate_only:
            return IssuedKey(replace(key, id=""), "")
        return IssuedKey(key, token if key.token_hash == token_hash(token) else "")

    async def list_keys(self, caller: Caller, project: str, page: Page) -> PageOf[ApiKey]:
        """Return a page of keys of a project."""
        owner = caller.project_or_own(project)
        async with self._database.read() as unit:
            if await unit.projects.by_id(owner) is None:
                raise DomainError(Reason.PROJECT_NOT_FOUND, project=owner)
            return await unit.keys.page(owner, page)

    async def revoke_key(
        self,
        caller: Caller,
        key_id: str,
        repeat: Repeat,
        *,
        validate_only: bool = False,
    ) -> ApiKey:
        """Return the key, ended. Every server forgets it within a second.

        A caller can end no key that can do what the caller cannot. The request id is scoped to the key's project.
        """
        async with self._database.read() as unit:
            found = await unit.keys.by_id(key_id)
        if found is None or (found.project_id != caller.project and not caller.admin):
            raise DomainError(Reason.API_KEY_NOT_FOUND, key=key_id)
        _require_reach(caller, found.roles)

        async def change(unit: UnitOfWork, owner: Project, now_ms: int) -> ApiKey:
            # A server that starts can be giving it another token at the same moment: that must not bring it back.
            key = await unit.keys.by_id(key_id) or found
            if key.revoke_ms is None:
                key = replace(key, revoke_ms=now_ms)
                await unit.keys.update(key)
                await unit.pending.add([pending.api_key(owner.id, key.id)])
            return key

        return await self._changes.run(found.project_id, repeat, API_KEY, change, validate_only=validate_only)
