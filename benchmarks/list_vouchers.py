"""A page of 100 vouchers anywhere in a campaign of a billion codes, some of them published, used and edited."""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

from benchmarks import embedded, output
from benchmarks.embedded import Embedded
from benchmarks.ours import KEY
from benchmarks.output import Output, rounded
from promo.client import Campaign, Limits, PromoClient, Voucher, VoucherFilter, amount_off, item, order

CODES = 1_000_000_000
PAGE = 100
CAMPAIGN = "list"


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    calls, touched = (200, 200) if options.quick else (2_000, 5_000)
    out = Output(json_only=options.json)
    out.introduce("List", codes=f"{CODES:,}", page=PAGE, calls=calls)
    with embedded.serving() as server:
        times = asyncio.run(measure(server, calls, touched))
    figures = {name: statistics.quantiles(some, n=100) for name, some in times.items()}
    rows = [[name, f"{cuts[49]:.2f}", f"{cuts[98]:.2f}"] for name, cuts in figures.items()]
    out.table("List", ["", "p50 ms", "p99 ms"], rows)
    out.finish(
        {
            "p99_ms": rounded(max(cuts[98] for cuts in figures.values())),
            "vouchers_p50_ms": rounded(figures["vouchers"][49]),
            "vouchers_p99_ms": rounded(figures["vouchers"][98]),
            "published_vouchers_p99_ms": rounded(figures["published vouchers"][98]),
        }
    )


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
        return {"vouchers": anywhere, "published vouchers": published}


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
