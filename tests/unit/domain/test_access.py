from __future__ import annotations

import re
from pathlib import Path

import pytest

from promo_server.domain.access import SCOPES, Caller, Role, scopes_of
from promo_server.domain.errors import DomainError

PROTO = Path(__file__).parents[3] / "proto" / "promo" / "v1"


def test_an_admin_has_every_scope_that_a_method_asks_for() -> None:
    texts = "".join(path.read_text() for path in PROTO.glob("*_service.proto"))
    asked = set(re.findall(r"[Ss]cope: ([a-z]+\.[a-z]+)", texts))
    assert asked
    assert asked <= SCOPES[Role.ADMIN]


def test_a_viewer_only_reads() -> None:
    assert all(scope.endswith(".read") for scope in SCOPES[Role.VIEWER])
    assert {scope for scope in SCOPES[Role.ADMIN] if scope.endswith(".read")} == SCOPES[Role.VIEWER]


def test_roles_add_up() -> None:
    both = scopes_of((Role.CHECKOUT, Role.PUBLISHER))
    assert both == SCOPES[Role.CHECKOUT] | SCOPES[Role.PUBLISHER]


def test_another_project_needs_the_scope_for_all_projects() -> None:
    caller = Caller("k", "p1", SCOPES[Role.MANAGER], admin=False)
    assert caller.project_or_own("") == caller.project_or_own("p1") == "p1"
    with pytest.raises(DomainError):
        caller.project_or_own("p2")
