"""The project and the keys that exist from the first start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from promo_server.domain.access import ApiKey, Project, Role
from promo_server.domain.errors import DomainError
from promo_server.domain.identifiers import RANDOM_BYTES, project_id
from promo_server.domain.reasons import Reason
from promo_server.services import pending
from promo_server.services.access import token_hash
from promo_server.services.bundles import BundlePublisher
from promo_server.services.ports import Clock, Database, Entropy, UnitOfWork

_LOG = structlog.get_logger(__name__)


class ForeignKeyIdError(Exception):
    """The id of a key that was given belongs to a key of another project."""

    def __init__(self, key_id: str, project_name: str, owner_id: str) -> None:
        super().__init__(
            f"key {key_id} belongs to project {owner_id}, not to {project_name!r}; "
            "give the key another id in auth.bootstrap_keys, or name its project in auth.bootstrap_project"
        )


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The project, and the ids of the keys given that were revoked and so stay without effect."""

    project: Project
    revoked: tuple[str, ...]


class Bootstrap:
    """Makes sure that a project and its admin keys are there. Running it again changes nothing."""

    def __init__(self, database: Database, publisher: BundlePublisher, clock: Clock, entropy: Entropy) -> None:
        """Keep what the bootstrap needs."""
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._entropy = entropy

    async def __call__(self, project_name: str, pairs: Iterable[tuple[str, str]]) -> Bootstrapped:
        """Return the project with that name, with an admin key for each (id, token).

        A key whose id exists gets the token given now, so that a changed setting counts. One that was revoked stays
        so: who revokes a key does not expect it back with the next start. Raise ForeignKeyIdError, and change
        nothing, when an id is that of another project's key.

        A store that is away gets what has changed once it is back. It is needed, and the call fails with
        STORE_UNAVAILABLE, only while there is no campaign: one that never had anything could not be told from one that
        has lost everything.
        """
        pairs = tuple(pairs)
        try:
            done = await self._ensure(project_name, pairs)
        except DomainError as error:
            if error.reason is not Reason.CONFLICT:
                raise
            # Another server has started at the same moment and was first: now its rows are there.
            done = await self._ensure(project_name, pairs)
        try:
            await self._publisher.publish(done.project.id)
        except DomainError as error:
            if error.reason is not Reason.STORE_UNAVAILABLE or not await self._any_campaign():
                raise
            _LOG.warning("bootstrap.store_unavailable", project=done.project.id)
        return done

    async def _any_campaign(self) -> bool:
        async with self._database.read() as unit:
            return await unit.campaigns.any()

    async def _ensure(self, project_name: str, pairs: Sequence[tuple[str, str]]) -> Bootstrapped:
        async with self._database.write() as unit:
            project = await self._project(unit, project_name)
            states = [(key_id, await self._key(unit, project, key_id, token)) for key_id, token in pairs]
        return Bootstrapped(project, tuple(key_id for key_id, works in states if not works))

    async def _project(self, unit: UnitOfWork, name: str) -> Project:
        project = await unit.projects.by_name(name)
        if project is None:
            project = Project(project_id(self._entropy(RANDOM_BYTES)), name, "UTC", self._clock())
            await unit.projects.insert(project)
            await unit.pending.add([pending.project(project.id)])
        else:
            await unit.projects.lock(project.id)
        return project

    async def _key(self, unit: UnitOfWork, project: Project, key_id: str, token: str) -> bool:
        """Write a key, and return whether it works."""
        known = await unit.keys.by_id(key_id)
        if known is not None and known.project_id != project.id:
            raise ForeignKeyIdError(key_id, project.name, known.project_id)
        if known is not None and known.revoke_ms is not None:
            return False
        if known is not None and known.token_hash == token_hash(token):
            return True
        key = ApiKey(
            id=key_id,
            project_id=project.id,
            name="bootstrap",
            roles=(Role.ADMIN,),
            token_hash=token_hash(token),
            create_ms=self._clock(),
        )
        await (unit.keys.insert(key) if known is None else unit.keys.update(key))
        await unit.pending.add([pending.api_key(project.id, key_id)])
        return True
