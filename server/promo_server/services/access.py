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
from promo_server.services.documents import PROJECT
from promo_server.services.ports import Clock, Database, Entropy, UnitOfWork

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a caller says about a new project."""

    name: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its token, which is not kept."""

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
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Keep what access needs."""
        self._database = database
        self._changes = changes
        self._publisher = publisher
        self._clock = clock
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

    async def create_key(self, caller: Caller, project: str, name: str, roles: tuple[Role, ...]) -> IssuedKey:
        """Return a new key with its token. A caller can give no scope that it lacks."""
        owner = caller.project_or_own(project)
        _require_reach(caller, roles)
        token = base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).decode("ascii").rstrip("=")
        key = ApiKey(
            id=resource_id("key", self._entropy(RANDOM_BYTES)),
            project_id=owner,
            name=name,
            roles=roles,
            token_hash=token_hash(token),
            create_ms=self._clock(),
        )
        async with self._database.write() as unit:
            await unit.projects.lock(owner)
            await unit.keys.insert(key)
            await unit.pending.add([pending.api_key(owner, key.id)])
        await self._publisher.publish(owner)
        return IssuedKey(key, token)

    async def list_keys(self, caller: Caller, project: str, page: Page) -> PageOf[ApiKey]:
        """Return a page of keys of a project."""
        owner = caller.project_or_own(project)
        async with self._database.read() as unit:
            if await unit.projects.by_id(owner) is None:
                raise DomainError(Reason.PROJECT_NOT_FOUND, project=owner)
            return await unit.keys.page(owner, page)

    async def revoke_key(self, caller: Caller, key_id: str) -> ApiKey:
        """Return the key, ended. Every server forgets it within a second.

        A caller can end no key that can do what the caller cannot.
        """
        async with self._database.write() as unit:
            key = await unit.keys.by_id(key_id)
            if key is None or (key.project_id != caller.project and not caller.admin):
                raise DomainError(Reason.API_KEY_NOT_FOUND, key=key_id)
            _require_reach(caller, key.roles)
            # A server that starts can be giving it another token at the same moment: that must not bring it back.
            await unit.projects.lock(key.project_id)
            key = await unit.keys.by_id(key_id) or key
            if key.revoke_ms is None:
                key = replace(key, revoke_ms=self._clock())
                await unit.keys.update(key)
                await unit.pending.add([pending.api_key(key.project_id, key.id)])
        await self._publisher.publish(key.project_id)
        return key
