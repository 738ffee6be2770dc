"""Projects, API keys, and the one table of what a role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason


class Role(StrEnum):
    """A named set of scopes."""

    ADMIN = "admin"
    MANAGER = "manager"
    CHECKOUT = "checkout"
    PUBLISHER = "publisher"
    VIEWER = "viewer"


_READ = frozenset(
    {
        "projects.read",
        "keys.read",
        "campaigns.read",
        "vouchers.read",
        "publications.read",
        "redemptions.read",
        "customers.read",
    },
)
_MANAGE = _READ | {
    "keys.write",
    "campaigns.write",
    "vouchers.write",
    "codes.export",
    "publications.write",
    "redemptions.write",
    "customers.write",
    "customers.erase",
}

SCOPES: dict[Role, frozenset[str]] = {
    Role.ADMIN: _MANAGE | {"projects.write"},
    Role.MANAGER: _MANAGE,
    Role.CHECKOUT: frozenset(
        {
            "redemptions.read",
            "redemptions.write",
            "vouchers.read",
            "publications.read",
            "campaigns.read",
            "customers.write",
        },
    ),
    Role.PUBLISHER: frozenset(
        {"publications.read", "publications.write", "vouchers.read", "campaigns.read", "customers.write"},
    ),
    Role.VIEWER: _READ,
}
"""The scopes of each role. The scope that a method needs is the edge's table."""


def scopes_of(roles: tuple[Role, ...]) -> frozenset[str]:
    """Return every scope that one of the roles has."""
    return frozenset().union(*(SCOPES[role] for role in roles))


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant. `version` grows with every change of its bundle in the store."""

    id: str
    name: str
    time_zone: str
    create_ms: int
    version: int = 1
    next_campaign_number: int = 1
    next_layout_number: int = 1

    @property
    def etag(self) -> str:
        """Text that changes with every change of what a caller can define about the project.

        Nothing of a project can be changed yet; campaigns raise `version` without changing the resource.
        """
        return f"{self.id}.{self.create_ms:x}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. Of its token only `token_hash`, the SHA-256 in hex, is kept."""

    id: str
    project_id: str
    name: str
    roles: tuple[Role, ...]
    token_hash: str
    create_ms: int
    revoke_ms: int | None = None

    @property
    def admin(self) -> bool:
        """Whether the key opens every project."""
        return Role.ADMIN in self.roles


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the edge has established it; `call_id` names the call in logs."""

    key_id: str
    project: str
    scopes: frozenset[str]
    admin: bool
    call_id: str = ""

    def require_scope(self, scope: str) -> None:
        """Refuse with SCOPE_MISSING unless the caller has the scope."""
        if scope not in self.scopes:
            raise DomainError(Reason.SCOPE_MISSING, scope=scope)

    def project_or_own(self, project_id: str) -> str:
        """Return the project that a call is about; another one than the caller's needs projects.write."""
        if project_id and project_id != self.project:
            self.require_scope("projects.write")
            return project_id
        return self.project
