"""The vendor's own JavaScript client, unmodified, with only its address changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.rest import RestCaller
from support.server_process import KEY
from support.shop import new_campaign

from promo.client import Limits, PromoClient, percent_off

SOURCES = Path(__file__).parent / "voucherify_sdk"

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        not (shutil.which("npm") and shutil.which("node")),
        reason="needs Node.js with npm: apt-get install nodejs npm",
    ),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the client beside the program that uses it."""
    folder = tmp_path_factory.mktemp("sdk")
    for name in ("package.json", "package-lock.json", "checkout.js"):
        shutil.copy(SOURCES / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install the client: {(installed.stderr or installed.stdout).strip()[-200:]}")
    return folder / "checkout.js"


@pytest.mark.extended
async def test_a_shop_with_the_vendors_client_checks_out(client: PromoClient, rest: RestCaller, program: Path) -> None:
    campaign = await new_campaign(client, discount=percent_off(20), limits=Limits(per_code=1))
    key_id, _, token = KEY.partition(":")
    command = ["node", str(program), rest.url, key_id, token, campaign.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    code = seen["publication"]["voucher"]["code"]
    assert seen["voucher"]["code"] == code
    assert seen["voucher"]["discount"] == {
        "type": "PERCENT",
        "percent_off": 20,
        "effect": "APPLY_TO_ORDER",
        "is_dynamic": False,
    }
    assert seen["validation"]["valid"] is True
    assert seen["validation"]["session"]["ttl_unit"] == "DAYS"
    assert seen["redemption"]["order"]["total_amount"] == 2000
    assert (seen["again"]["code"], seen["again"]["key"]) == (400, "quantity_exceeded")
    assert seen["rollback"]["result"] == "SUCCESS"
    assert len(seen["stackRollback"]["rollbacks"]) == 1
    assert (seen["unknown"]["code"], seen["unknown"]["details"]) == (404, "there is no code NO/SUCH CODE")
    assert (await client.vouchers.get(code)).redeemed_count == 0
