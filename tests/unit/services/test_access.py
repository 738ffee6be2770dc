from __future__ import annotations

import asyncio
import json

import pytest
from support.control_plane import ControlPlane, caller_of

from promo_server.domain.access import Caller, Role, scopes_of
from promo_server.domain.errors import DomainError
from promo_server.domain.paging import Page
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import Repeat
from promo_server.services.access import NewKey, NewProject, token_hash
from promo_server.services.bootstrap import ForeignKeyIdError
from promo_server.store import keys

pytestmark = pytest.mark.asyncio


async def published(plane: ControlPlane, key_id: str) -> dict[str, object] | None:
    text = await plane.client.hget(keys.auth(), key_id)
    return None if text is None else dict(json.loads(text))


async def test_a_new_key_works_at_once_and_only_its_hash_is_kept(plane: ControlPlane) -> None:
    issued = await plane.use_cases.access.create_key(plane.caller, NewKey("", "shop", (Role.CHECKOUT,)), Repeat("t"))
    document = await published(plane, issued.key.id)
    assert document == {
        "hash": token_hash(issued.token),
        "project": plane.project,
        "scopes": sorted(scopes_of((Role.CHECKOUT,))),
        "admin": False,
    }
    async with plane.database.read() as unit:
        key = await unit.keys.by_id(issued.key.id)
    assert key is not None
    assert issued.token not in repr(key)


async def test_a_revoked_key_is_gone_from_the_store_and_the_epoch_moves(plane: ControlPlane) -> None:
    issued = await plane.use_cases.access.create_key(plane.caller, NewKey("", "shop", (Role.CHECKOUT,)), Repeat("t"))
    epoch = int(await plane.client.get(keys.epoch()))
    revoked = await plane.use_cases.access.revoke_key(plane.caller, issued.key.id, Repeat("t"))
    assert revoked.revoke_ms == plane.clock.now_ms
    assert await published(plane, issued.key.id) is None
    assert int(await plane.client.get(keys.epoch())) > epoch
    assert await plane.use_cases.access.revoke_key(plane.caller, issued.key.id, Repeat("t")) == revoked


async def test_a_caller_cannot_give_what_it_lacks(plane: ControlPlane) -> None:
    manager = caller_of(plane.project, Role.MANAGER)
    await plane.use_cases.access.create_key(manager, NewKey("", "", (Role.PUBLISHER,)), Repeat("t"))
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.access.create_key(manager, NewKey("", "", (Role.ADMIN,)), Repeat("t"))
    assert refused.value.reason is Reason.SCOPE_MISSING
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.access.create_key(manager, NewKey("other", "", (Role.PUBLISHER,)), Repeat("t"))
    assert refused.value.metadata == {"scope": "projects.write"}


async def test_keys_of_another_project_are_unknown_to_a_manager(plane: ControlPlane) -> None:
    project = await plane.use_cases.access.create_project(plane.caller, NewProject("b", "Europe/Berlin"), Repeat("t"))
    issued = await plane.use_cases.access.create_key(plane.caller, NewKey(project.id, "", (Role.MANAGER,)), Repeat("t"))
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.access.revoke_key(caller_of(plane.project, Role.MANAGER), issued.key.id, Repeat("t"))
    assert refused.value.reason is Reason.API_KEY_NOT_FOUND
    page = await plane.use_cases.access.list_keys(plane.caller, project.id, Page(10, None))
    assert [key.id for key in page.rows] == [issued.key.id]


async def test_a_project_has_a_bundle_with_its_time_zone(plane: ControlPlane) -> None:
    project = await plane.use_cases.access.create_project(plane.caller, NewProject("b", "Europe/Berlin"), Repeat("t"))
    bundle = json.loads(await plane.client.get(keys.project_bundle(project.id)))
    assert bundle["time_zone"] == "Europe/Berlin"
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.access.create_project(plane.caller, NewProject("b"), Repeat("t"))
    assert refused.value.reason is Reason.PROJECT_ALREADY_EXISTS


async def test_an_unknown_time_zone_is_refused(plane: ControlPlane) -> None:
    for name in ("Mars/Olympus", "../etc/passwd", "x" * 60):
        with pytest.raises(DomainError) as refused:
            await plane.use_cases.access.create_project(plane.caller, NewProject("b", name), Repeat("t"))
        assert refused.value.reason is Reason.FIELD_INVALID


async def test_who_is_no_admin_sees_the_own_project_only(plane: ControlPlane) -> None:
    await plane.use_cases.access.create_project(plane.caller, NewProject("b"), Repeat("t"))
    everything = await plane.use_cases.access.list_projects(plane.caller, Page(10, None))
    own = await plane.use_cases.access.list_projects(caller_of(plane.project, Role.VIEWER), Page(10, None))
    assert (len(everything.rows), [project.id for project in own.rows]) == (2, [plane.project])


async def test_the_bootstrap_can_run_again_and_takes_a_changed_token(plane: ControlPlane) -> None:
    done = await plane.use_cases.bootstrap("default", [("admin", "other")])
    assert (done.project.id, done.revoked) == (plane.project, ())
    document = await published(plane, "admin")
    assert document is not None
    assert (document["hash"], document["admin"]) == (token_hash("other"), True)


@pytest.mark.parametrize("name", ["default", "new"])
async def test_a_server_starts_with_changes_while_the_store_is_away_once_there_are_campaigns(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def away(*_arguments: object) -> bool:
        raise DomainError(Reason.STORE_UNAVAILABLE)

    with monkeypatch.context() as patched:
        patched.setattr(plane.use_cases.publisher._store, "is_blank", away)
        # Also a second time, when the project is in the database and has never been in the store.
        for _ in range(2):
            with pytest.raises(DomainError) as refused:
                await plane.use_cases.bootstrap(name, [("one", "secret")])
            assert refused.value.reason is Reason.STORE_UNAVAILABLE
    await plane.campaign()
    with monkeypatch.context() as patched:
        patched.setattr(plane.use_cases.publisher._store, "is_blank", away)
        done = await plane.use_cases.bootstrap(name, [("two", "secret")])
        assert done.revoked == ()
    assert await published(plane, "two") is None
    await plane.use_cases.publisher.publish()
    assert await published(plane, "two") is not None


async def test_a_revoked_key_stays_revoked_when_the_server_starts_again(plane: ControlPlane) -> None:
    revoked = await plane.use_cases.access.revoke_key(plane.caller, "admin", Repeat("t"))
    for token in ("secret", "other"):
        done = await plane.use_cases.bootstrap("default", [("admin", token), ("new", "secret")])
        assert done.revoked == ("admin",)
    async with plane.database.read() as unit:
        assert await unit.keys.by_id("admin") == revoked
    assert await published(plane, "admin") is None
    assert await published(plane, "new") is not None


async def test_the_bootstrap_makes_no_admin_key_of_another_projects_key(plane: ControlPlane) -> None:
    project = await plane.use_cases.access.create_project(plane.caller, NewProject("b"), Repeat("t"))
    issued = await plane.use_cases.access.create_key(
        plane.caller, NewKey(project.id, "", (Role.CHECKOUT,)), Repeat("t")
    )
    with pytest.raises(ForeignKeyIdError, match=issued.key.id):
        await plane.use_cases.bootstrap("default", [("new", "secret"), (issued.key.id, "secret")])
    async with plane.database.read() as unit:
        assert await unit.keys.by_id(issued.key.id) == issued.key
        assert await unit.keys.by_id("new") is None


async def test_a_manager_ends_every_key_of_its_project_but_an_admins(plane: ControlPlane) -> None:
    manager = caller_of(plane.project, Role.MANAGER)
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.access.revoke_key(manager, "admin", Repeat("t"))
    assert refused.value.metadata == {"scope": "projects.write"}
    assert await published(plane, "admin") is not None
    for role in set(Role) - {Role.ADMIN}:
        issued = await plane.use_cases.access.create_key(manager, NewKey("", "", (role,)), Repeat("t"))
        assert (await plane.use_cases.access.revoke_key(manager, issued.key.id, Repeat("t"))).revoke_ms is not None


async def test_a_caller_ends_no_key_that_can_do_what_it_cannot(plane: ControlPlane) -> None:
    caller = Caller("k", plane.project, scopes_of((Role.PUBLISHER,)) | {"keys.write"}, admin=False)
    issued = await plane.use_cases.access.create_key(plane.caller, NewKey("", "", (Role.MANAGER,)), Repeat("t"))
    with pytest.raises(DomainError) as refused:
        await plane.use_cases.access.revoke_key(caller, issued.key.id, Repeat("t"))
    assert refused.value.reason is Reason.SCOPE_MISSING


async def test_servers_that_start_on_one_empty_database_share_what_the_first_one_makes(plane: ControlPlane) -> None:
    pairs = [(f"key{number}", "secret") for number in range(4)]
    starts = await asyncio.gather(*(plane.use_cases.bootstrap("new", pairs) for _ in range(4)))
    assert len({start.project.id for start in starts}) == 1
    for key_id, _ in pairs:
        assert await published(plane, key_id) is not None


async def test_a_repeated_call_makes_one_key_and_never_shows_its_token_again(plane: ControlPlane) -> None:
    access, new = plane.use_cases.access, NewKey("", "repeated", (Role.CHECKOUT,))
    repeat = Repeat("CreateApiKey", "r1", b"body")
    first = await access.create_key(plane.caller, new, repeat)
    again = await access.create_key(plane.caller, new, repeat)
    assert (again.key, again.token) == (first.key, "")
    assert first.token
    page = await access.list_keys(plane.caller, "", Page(10, None))
    assert [key.name for key in page.rows].count("repeated") == 1
    with pytest.raises(DomainError) as refused:
        await access.create_key(plane.caller, new, Repeat("CreateApiKey", "r1", b"other"))
    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_dry_run_makes_no_key_and_fails_as_the_call_would(plane: ControlPlane) -> None:
    access = plane.use_cases.access
    dry = await access.create_key(
        plane.caller, NewKey("", "dry", (Role.CHECKOUT,)), Repeat("t", "r"), validate_only=True
    )
    assert (dry.key.id, dry.token, dry.key.name) == ("", "", "dry")
    page = await access.list_keys(plane.caller, "", Page(10, None))
    assert "dry" not in [key.name for key in page.rows]
    with pytest.raises(DomainError) as refused:
        await access.create_key(plane.caller, NewKey("nowhere", "", (Role.VIEWER,)), Repeat("t"), validate_only=True)
    assert refused.value.reason is Reason.PROJECT_NOT_FOUND


async def test_a_dry_run_ends_no_key_and_a_repeat_gets_the_first_answer(plane: ControlPlane) -> None:
    access, repeat = plane.use_cases.access, Repeat("RevokeApiKey", "r1", b"body")
    issued = await access.create_key(plane.caller, NewKey("", "", (Role.CHECKOUT,)), Repeat("t"))
    assert (await access.revoke_key(plane.caller, issued.key.id, repeat, validate_only=True)).revoke_ms is not None
    assert await published(plane, issued.key.id) is not None
    revoked = await access.revoke_key(plane.caller, issued.key.id, repeat)
    assert await published(plane, issued.key.id) is None
    assert await access.revoke_key(plane.caller, issued.key.id, repeat) == revoked
    with pytest.raises(DomainError) as refused:
        await access.revoke_key(plane.caller, issued.key.id, Repeat("RevokeApiKey", "r1", b"other"))
    assert refused.value.reason is Reason.REQUEST_ID_REUSED
