"""Pages of 100 vouchers anywhere in a campaign of a billion codes, some of them published, used and edited."""

import asyncio
import random
import time

from benchmarks import embedded
from benchmarks.embedded import Embedded
from benchmarks.ours import KEY
from promo.client import Campaign, Limits, PromoClient, Voucher, VoucherFilter, amount_off, item, order

CODES = 1_000_000_000
PAGE = 100
CAMPAIGN = "list"


def pages(calls: int, touched: int) -> dict[str, list[float]]:
    """Milliseconds of each page, by what is listed; `touched` codes are published."""
    with embedded.serving() as server:
        return asyncio.run(measure(server, calls, touched))


async def measure(server: Embedded, calls: int, touched: int) -> dict[str, list[float]]:
    """Milliseconds of each call, by what is listed."""
    async with PromoClient.connect(server.target, key=KEY) as client:
        await prepare(client, touched)
        generator = random.Random(7)
        anywhere, published = list[float](), list[float]()
        for _ in range(calls):
            first = generator.randrange(CODES - PAGE)
            anywhere.append(await page(client, first, None))
            published.append(await page(client, generator.randrange(touched - PAGE), VoucherFilter(published=True)))
        return {"anywhere": anywhere, "published": published}


async def page(client: PromoClient, first: int, wanted: VoucherFilter | None) -> float:
    """Milliseconds of one page."""
    begun = time.perf_counter()
    listed = client.vouchers.list(CAMPAIGN, first_position=first, page_size=PAGE, filter=wanted)
    found = await anext(listed.pages())
    if len(found.items) != PAGE:
        raise AssertionError(f"a page from {first} has {len(found.items)} vouchers")
    return (time.perf_counter() - begun) * 1_000


async def prepare(client: PromoClient, touched: int) -> None:
    """Makes the campaign, publishes codes, uses and edits some of them."""
    limits = Limits(per_code=1)
    campaign = Campaign(name=CAMPAIGN, currency_code="GBP", discount=amount_off(1), code_count=CODES, limits=limits)
    await client.campaigns.create(campaign)
    for number in range(0, touched, 50):
        codes = (await client.publish(campaign=CAMPAIGN, customer=f"customer-{number}", count=50)).codes
        await client.redeem(codes=codes[:1], order=order("GBP", [item("mug", price=100)]))
        await client.vouchers.update(Voucher(code=codes[1], metadata={"note": "bench"}), ["metadata"])
