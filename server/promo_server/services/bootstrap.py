"""The project and the keys that exist from the first start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from promo_server.domain.access import ApiKey, Project, Role
from promo_server.domain.errors import DomainError
from promo_server.domain.identifiers import RANDOM_BYTES, project_id
from promo_server.domain.reasons import Reason
from promo_server.services import pending
from promo_server.services.access import token_hash
from promo_server.services.bundles import BundlePublisher
from promo_server.services.ports import Clock, Database, Entropy


class Bootstrap:
    """Makes sure that a project and its admin keys are there. Running it again changes nothing."""

    def __init__(self, database: Database, publisher: BundlePublisher, clock: Clock, entropy: Entropy) -> None:
        """Keep what the bootstrap needs."""
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._entropy = entropy

    async def __call__(self, project_name: str, pairs: Iterable[tuple[str, str]]) -> Project:
        """Return the project with that name, with an admin key for each (id, token).

        A key whose id exists gets the token given now, so that a changed setting counts.
        """
        given = list(pairs)
        try:
            project = await self._ensure(project_name, given)
        except DomainError as error:
            if error.reason is not Reason.CONFLICT:
                raise
            # Another server starts at the same time, and has made by now what this one missed.
            project = await self._ensure(project_name, given)
        await self._publisher.publish(project.id)
        return project

    async def _ensure(self, project_name: str, pairs: Sequence[tuple[str, str]]) -> Project:
        async with self._database.write() as unit:
            project = await unit.projects.by_name(project_name)
            if project is None:
                project = Project(project_id(self._entropy(RANDOM_BYTES)), project_name, "UTC", self._clock())
                await unit.projects.insert(project)
                await unit.pending.add([pending.project(project.id)])
            else:
                await unit.projects.lock(project.id)
            for key_id, token in pairs:
                known = await unit.keys.by_id(key_id)
                if known is not None and known.revoke_ms is None and known.token_hash == token_hash(token):
                    continue
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
        return project
