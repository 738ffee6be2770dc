"""A fault of ours has a name that its caller gets and the log has, in a call of its own and in a batch."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from support.server_process import ServerProcess
from support.shop import CART, codes_of, new_campaign
from support.trimming import forget_ledger
from support.truth import PARTITIONS, store_of

from promo.client import PromoClient, PromoError, exceptions, redeem_request
from promo_server.state import StateDir
from promo_server.store import keys

pytestmark = pytest.mark.asyncio


async def test_an_internal_error_has_a_name_that_the_log_has(own_server: ServerProcess, client: PromoClient) -> None:
    [code] = await codes_of(client, await new_campaign(client))
    request = redeem_request(codes=[code], order=CART)
    with store_of(own_server) as store:
        for partition in range(PARTITIONS):
            # Nothing of ours writes this: what cannot be explained must be found again.
            store.set(keys.ledger(str(own_server.ready["project_id"]), partition), "no ledger")
    with pytest.raises(exceptions.Internal) as failed:
        await client.redeem(request)
    failures = [failed.value, *await client.batch_redeem([request, request])]
    names = []
    for failure in failures:
        assert isinstance(failure, PromoError)
        assert failure.reason_name == "INTERNAL"
        names.append(failure.metadata["request"])
        assert names[-1] in failure.message
    assert len(set(names)) == len(failures)
    # What is stopped has written everything.
    own_server.stop()
    log = [json.loads(line) for line in own_server.log.read_text().splitlines()]
    assert [line["call_id"] for line in log if line["event"] == "call.failed"] == names
    assert "store.unexpected" in [line["event"] for line in log]


async def test_what_the_control_plane_fails_at_keeps_the_name_under_which_its_log_has_the_cause(
    own_server: ServerProcess, client: PromoClient
) -> None:
    [code] = await codes_of(client, await new_campaign(client))
    redeemed = await client.redeem(codes=[code], order=CART)
    assert await forget_ledger(own_server)
    with closing(sqlite3.connect(StateDir(own_server.state_dir).database)) as database, database:
        # No ledger has such an entry: reading it is a fault of whoever wrote it.
        database.execute("UPDATE redemptions SET entry = x'ffff'")
    with pytest.raises(exceptions.Internal) as failed:
        await client.redemptions.get(redeemed.id)
    own_server.stop()
    log = [json.loads(line) for line in own_server.log.read_text().splitlines()]
    named = [line for line in log if line.get("call_id") == failed.value.metadata["request"]]
    assert {line["logger"] for line in named} == {"promo_server.data_plane", "promo_server.rpc.interceptor"}
    assert any("exception" in line for line in named)
