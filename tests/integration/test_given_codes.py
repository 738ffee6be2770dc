"""Codes that callers give: named, standing alone, imported."""

from __future__ import annotations

import csv
import json
import stat
import uuid
from pathlib import Path

import pytest
from support.cli import promo
from support.server_process import ServerProcess
from support.shop import CART, OFF, OK, codes_of, ending, new_campaign, race
from support.truth import account_of

from promo.client import (
    CodeLayout,
    Limits,
    PromoClient,
    StandaloneTerms,
    Voucher,
    VoucherFilter,
    amount_off,
    exceptions,
)
from promo_server.kernel.verification import IssuedCodes

pytestmark = [pytest.mark.asyncio, pytest.mark.each_database]

SINGLE = Limits(per_code=1)


def unused(text: str = "NAMED") -> str:
    return f"{text}-{uuid.uuid4().hex.upper()}"


async def test_a_named_code_of_a_campaign_with_computed_codes_is_used_like_any(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=10)
    names = [unused() for _ in range(3)]
    created = [await client.vouchers.create(name, campaign=campaign.name) for name in names]
    for name, voucher in zip(names, created, strict=True):
        assert voucher == await client.vouchers.get(name)
        await client.redeem(codes=[name], order=CART)
        assert await ending(client.redeem(codes=[name], order=CART)) == "CODE_USES_EXHAUSTED"
    assert account_of(server, campaign).uses == 3
    # Codes that come later keep their own positions.
    await client.codes.create_batch(campaign.name, 5)
    codes = await codes_of(client, campaign, 15)
    await client.redeem(codes=[codes[14]], order=CART)
    listed = [voucher.code async for voucher in client.vouchers.list(campaign.name, page_size=4)]
    assert listed == codes + names
    used = VoucherFilter(redeemed=True)
    assert [one.code async for one in client.vouchers.list(campaign.name, filter=used)] == [codes[14], *names]


async def test_a_named_code_of_a_campaign_with_stored_codes_is_handed_out_last(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=2, code_layout=CodeLayout(length=4, charset="0123456789"))
    codes = await codes_of(client, campaign, 2)
    name = unused()
    await client.vouchers.create(name, campaign=campaign.name)
    published = [(await client.publish(campaign=campaign.name, customer=f"c{n}")).codes[0] for n in range(3)]
    assert published == [*codes, name]
    await client.redeem(codes=[name], order=CART)


async def test_a_standalone_code_is_used_by_many_within_its_limits(server: ServerProcess, client: PromoClient) -> None:
    code = unused("SUMMER")
    terms = StandaloneTerms(
        currency_code="GBP",
        discount=amount_off(OFF),
        limits=Limits(per_campaign=5, per_customer=1),
        metadata={"team": "events"},
    )
    created = await client.vouchers.create(code, standalone=terms)
    assert (created.code, created.enabled, created.discount) == (code, True, amount_off(OFF))
    endings = await race(client.redeem(codes=[code], order=CART, customer=f"customer-{n}") for n in range(12))
    assert endings == {OK: 5, "CAMPAIGN_LIMIT_REACHED": 7}
    with pytest.raises(exceptions.CampaignLimitReached, match=f"campaign {code} is used up: its limit is 5"):
        await client.redeem(codes=[code], order=CART, customer="late")
    campaign = await client.campaigns.get(created.campaign_id)
    assert account_of(server, campaign).uses == 5
    assert created.campaign_id not in [one.id async for one in client.campaigns.list()]


async def test_standalone_vouchers_are_listed_by_age_and_filtered(client: PromoClient) -> None:
    prefix = unused("ALONE")
    terms = StandaloneTerms(currency_code="GBP", discount=amount_off(OFF), metadata={"team": "events"})
    codes = [f"{prefix}-{number}" for number in range(5)]
    created = [await client.vouchers.create(code, standalone=terms) for code in codes]
    await client.vouchers.create(unused(), standalone=terms)
    await client.redeem(codes=[codes[1]], order=CART)
    await client.vouchers.disable(codes[2])
    await client.vouchers.delete(codes[3])

    async def listed(**wanted: bool) -> list[str]:
        ours = VoucherFilter(code_prefix=prefix, **wanted)
        return [one.code async for one in client.vouchers.list(filter=ours, page_size=2, require_fresh=True)]

    assert await listed() == [codes[0], codes[1], codes[2], codes[4]]
    assert await listed(redeemed=True) == [codes[1]]
    assert await listed(redeemed=False) == [codes[0], codes[2], codes[4]]
    assert await listed(disabled=True) == await listed(edited=True) == [codes[2]]
    assert await listed(published=True) == []
    found = {one.code: one async for one in client.vouchers.list()}
    assert found[codes[0]] == created[0]
    with pytest.raises(exceptions.FieldInvalid, match="first_position"):
        await anext(client.vouchers.list(first_position=1).pages())
    token = (await anext(client.vouchers.list(page_size=1).pages())).next_page_token
    with pytest.raises(exceptions.PageTokenInvalid):
        await anext(client.vouchers.list(created[0].campaign_id, page_token=token).pages())


async def test_no_given_code_is_equal_to_another_of_the_project(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    computed, deleted = await codes_of(client, campaign, 2)
    await client.vouchers.delete(deleted)
    named = unused()
    await client.vouchers.create(named, campaign=campaign.name)
    terms = StandaloneTerms(currency_code="GBP", discount=amount_off(OFF))
    for taken in (computed, computed.lower(), deleted, named):
        with pytest.raises(exceptions.CodeAlreadyExists):
            await client.vouchers.create(taken, campaign=campaign.name)
        with pytest.raises(exceptions.CodeAlreadyExists):
            await client.vouchers.create(taken, standalone=terms)
    same = unused()
    endings = await race(client.vouchers.create(same, campaign=campaign.name) for _ in range(8))
    assert endings == {OK: 1, "CODE_ALREADY_EXISTS": 7}


async def test_computed_codes_skip_codes_that_were_given_before(client: PromoClient) -> None:
    layout = CodeLayout(
        length=4, charset="0123456789ABCDEFGHJKMNPQRSTVWXYZ", prefix=f"S{uuid.uuid4().hex[:8].upper()}-"
    )
    first = await new_campaign(client, SINGLE, code_count=1, code_layout=layout)
    assert first.code_mode == 1, "the layout has room for one computed code"
    given = await new_campaign(client, SINGLE, code_count=0)
    everything = {f"{layout.prefix}{a}{b}00" for a in layout.charset for b in layout.charset}
    issued = set(await codes_of(client, first, 1))
    accepted = await _import(client, given.name, sorted(everything - issued))
    assert accepted == len(everything - issued)
    await client.codes.create_batch(first.name, 9)
    later = await codes_of(client, first, 10)
    assert not set(later) & (everything - issued)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "is empty"),
        ("A" * 129, "has 129 bytes, at most 128 are allowed"),
        (" A", "begins or ends with a space"),
        ("A\nB", "has a character that cannot be printed"),
        ("A\x00", "has a character that cannot be printed"),
        ("A\ufffd", "has bytes that are no UTF-8"),
    ],
)
async def test_a_text_that_can_be_no_code_is_refused(client: PromoClient, code: str, problem: str) -> None:
    campaign = await new_campaign(client, SINGLE)
    with pytest.raises(exceptions.FieldInvalid) as refused:
        await client.vouchers.create(code, campaign=campaign.name)
    assert [(one.field, one.description) for one in refused.value.violations] == [("code", problem)]


async def _import(client: PromoClient, campaign: str, codes: list[str]) -> int:
    begun = await client.imports.start(campaign)
    await client.imports.append(begun.id, 0, codes)
    return (await client.imports.finish(begun.id)).accepted_count


async def test_imported_codes_can_be_used_once_the_import_is_finished(
    server: ServerProcess, client: PromoClient
) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=0)
    codes = [unused("OLD") for _ in range(25)]
    begun = await client.imports.start(campaign.name, source="test")
    for first in range(0, 25, 10):
        answer = await client.imports.append(begun.id, first, codes[first : first + 10])
        assert not answer.refused_rows
        # A chunk that is sent again changes nothing.
        assert await client.imports.append(begun.id, first, codes[first : first + 10]) == answer
    assert await ending(client.redeem(codes=[codes[0]], order=CART)) == "CODE_NOT_FOUND"
    assert await ending(client.publish(campaign=campaign.name, customer="c")) == "CODES_EXHAUSTED"
    assert await ending(client.imports.start(campaign.name)) == "IMPORT_IN_PROGRESS"
    assert await ending(client.vouchers.create(unused(), campaign=campaign.name)) == "IMPORT_IN_PROGRESS"
    with pytest.raises(exceptions.FieldInvalid):
        await client.imports.append(begun.id, 26, ["X"])
    done = await client.imports.finish(begun.id)
    assert (done.accepted_count, done.refused_count) == (25, 0)
    assert await client.imports.finish(begun.id) == done
    assert await ending(client.imports.append(begun.id, 25, ["X"])) == "IMPORT_ENDED"
    assert await ending(client.imports.abort(begun.id)) == "IMPORT_ENDED"
    assert await race(client.redeem(codes=[code], order=CART) for code in codes) == {OK: 25}
    assert (await client.campaigns.get(campaign.name)).code_count == 25
    assert await codes_of(client, campaign, 25) == codes
    assert account_of(server, campaign).uses == 25


async def test_an_aborted_import_leaves_nothing_behind(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=0)
    codes = [unused("OLD") for _ in range(30)]
    begun = await client.imports.start(campaign.name)
    await client.imports.append(begun.id, 0, codes)
    await client.imports.abort(begun.id)
    assert await ending(client.imports.finish(begun.id)) == "IMPORT_ENDED"
    assert await ending(client.redeem(codes=[codes[0]], order=CART)) == "CODE_NOT_FOUND"
    assert await _import(client, campaign.name, codes[::-1]) == 30
    assert await codes_of(client, campaign, 30) == codes[::-1]
    await client.redeem(codes=[codes[0]], order=CART)


async def test_refused_rows_are_named_and_the_others_taken_in(client: PromoClient) -> None:
    other = await new_campaign(client, SINGLE)
    (computed,) = await codes_of(client, other)
    campaign = await new_campaign(client, SINGLE, code_count=0)
    good = [unused("OLD") for _ in range(3)]
    begun = await client.imports.start(campaign.name)
    rows = [good[0], "", good[0], computed, "a\x07b", good[1]]
    first = await client.imports.append(begun.id, 0, rows)
    second = await client.imports.append(begun.id, 6, [good[1], good[2]])
    refused = [(row.row, row.reason) for row in (*first.refused_rows, *second.refused_rows)]
    assert refused == [
        (1, "FIELD_INVALID"),
        (2, "CODE_ALREADY_EXISTS"),
        (3, "CODE_ALREADY_EXISTS"),
        (4, "FIELD_INVALID"),
        (6, "CODE_ALREADY_EXISTS"),
    ]
    done = await client.imports.finish(begun.id)
    assert (done.next_row, done.accepted_count, done.refused_count) == (8, 3, 5)
    listed = [(row.row, row.reason) async for row in client.imports.refused_rows(begun.id, page_size=2)]
    assert listed == refused
    assert await codes_of(client, campaign, 3) == good


async def test_computed_codes_take_no_import(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE)
    with pytest.raises(exceptions.FieldInvalid) as refused:
        await client.imports.start(campaign.name)
    assert [one.field for one in refused.value.violations] == ["campaign"]
    assert await ending(client.imports.get("imp_none")) == "IMPORT_NOT_FOUND"


async def test_imported_codes_can_be_edited(client: PromoClient) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=0)
    code = unused("OLD")
    await _import(client, campaign.name, [code])
    await client.vouchers.update(Voucher(code=code, redemption_limit=2), ["redemption_limit"])
    assert await race(client.redeem(codes=[code], order=CART) for _ in range(4)) == {OK: 2, "CODE_USES_EXHAUSTED": 2}


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl", "txt"])
async def test_the_command_imports_a_file_and_reports_its_bad_lines(
    server: ServerProcess, client: PromoClient, tmp_path: Path, format_: str
) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=0)
    codes = [unused("OLD") for _ in range(4)]
    rows = [codes[0], codes[1], codes[0], "bad\x01code", codes[2], codes[3]]
    file = tmp_path / f"codes.{format_}"
    text = {
        "csv": "name,Code\n" + "".join(f'"a, b",{row}\n' for row in rows),
        "json": json.dumps([{"code": row} for row in rows]),
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "txt": "".join(f"{row}\n" for row in rows),
    }
    file.write_text(text[format_])
    done = promo(server, "codes", "import", str(file), "--campaign", campaign.name, "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["accepted"], told["refused"]) == (6, 4, 2)
    assert stat.S_IMODE(Path(told["refused_file"]).stat().st_mode) == 0o600
    with Path(told["refused_file"]).open() as report:
        refused = list(csv.DictReader(report))
    first = 1 if format_ == "csv" else 0
    assert [(row["line"], row["reason"]) for row in refused] == [
        (str(first + 3), "CODE_ALREADY_EXISTS"),
        (str(first + 4), "FIELD_INVALID"),
    ]
    assert refused[0]["problem"] == f"is the code of line {first + 1} too"
    assert await codes_of(client, campaign, 4) == codes
    again = promo(server, "codes", "import", str(file), "--campaign", campaign.name)
    assert again.returncode == 3
    assert again.stdout.startswith(f"0 codes imported into {campaign.name}")
    assert "used now" not in again.stdout
    assert str(tmp_path / f"codes.{format_}.refused-1.csv") in again.stdout
    assert Path(told["refused_file"]).read_text().count("\n") == 3
    kept = promo(server, "codes", "import", str(file), "--campaign", campaign.name, "--refused", told["refused_file"])
    assert (kept.returncode, "choose another name" in kept.stderr) == (1, True)


async def test_a_file_that_cannot_be_read_leaves_the_campaign_free_for_another(
    server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=0)
    file = tmp_path / "codes.csv"
    for text, problem in (("kode,note\nA,b\n", "must be named code"), ("code\n", "has no codes")):
        file.write_text(text)
        refused = promo(server, "codes", "import", str(file), "--campaign", campaign.name)
        assert (refused.returncode, problem in refused.stderr) == (1, True)
    # As of a run that ended before it had sent anything.
    begun = await client.imports.start(campaign.name, source="sha256:other")
    code = unused("OLD")
    file.write_text(f"code\n{code}\n")
    done = promo(server, "codes", "import", str(file), "--campaign", campaign.name, "--json")
    assert json.loads(done.stdout)["accepted"] == 1
    assert json.loads(done.stdout)["import"] != begun.id
    assert await codes_of(client, campaign, 1) == [code]


async def test_codes_are_verified_with_the_exported_key_alone(
    server: ServerProcess, client: PromoClient, tmp_path: Path
) -> None:
    campaign = await new_campaign(client, SINGLE, code_count=50)
    codes = await codes_of(client, campaign, 50)
    key = tmp_path / "campaign.key"
    done = promo(server, "codes", "key", campaign.name, "-o", str(key))
    assert done.returncode == 0, done.stderr
    assert key.stat().st_mode & 0o777 == 0o600
    assert IssuedCodes(key.read_bytes()).positions_of(codes) == list(range(50))
    verified = promo(server, "codes", "verify", "--key", str(key), codes[7].lower(), "--json")
    assert json.loads(verified.stdout)["codes"] == [{"code": codes[7].lower(), "position": 7}]
    refused = promo(server, "codes", "verify", "--key", str(key), codes[7], "NOT-ISSUED")
    assert (refused.returncode, "not issued" in refused.stdout) == (1, True)
    stored = await new_campaign(client, SINGLE, code_count=0)
    with pytest.raises(exceptions.FieldInvalid):
        await client.codes.verification_key(stored.name)
