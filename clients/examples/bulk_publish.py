"""One code of a campaign for each customer of a file: a thousand a call, several calls at a time.

    PROMO_KEY=id:token python bulk_publish.py --campaign SPRING customers.txt codes.csv

`customers.txt` has one customer id a line. `codes.csv` gets customer and code.
Run it again after a failure: a customer who has a code of this mailing gets
the same one, because the id of the publication is made of both.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from promo.client import PromoClient, PromoError, publish_request

BATCH: Final = 1_000
"""What one call takes."""
TOGETHER: Final = 4
"""Calls at a time: enough to keep the server busy."""

Row = tuple[str, str]


async def publish(
    client: PromoClient,
    campaign: str,
    mailing: str,
    customers: Sequence[str],
) -> tuple[list[Row], Counter[str]]:
    """Return who got which code, and how many did not, by reason."""
    requests = [
        publish_request(
            campaign=campaign,
            customer=customer,
            source_id=f"{mailing}-{customer}",
            channel="mail",
        )
        for customer in customers
    ]
    rows: list[Row] = []
    refused: Counter[str] = Counter()
    for customer, result in zip(customers, await client.batch_publish(requests), strict=True):
        if isinstance(result, PromoError):
            refused[result.reason_name] += 1
        else:
            rows.append((customer, result.codes[0]))
    return rows, refused


def batches(customers: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the customers, as many as one call takes."""
    return (customers[first : first + BATCH] for first in range(0, len(customers), BATCH))


async def run(options: argparse.Namespace) -> int:
    """Publish to everybody, and write the file when all is known."""
    # An id twice would be one publication, and two lines of the file.
    customers = list(dict.fromkeys(options.customers.read_text(encoding="utf-8").split()))
    places = asyncio.Semaphore(TOGETHER)
    rows: list[Row] = []
    refused: Counter[str] = Counter()
    async with PromoClient.connect(options.target, key=os.environ["PROMO_KEY"]) as client:

        async def one(part: Sequence[str]) -> None:
            async with places:
                published, missed = await publish(client, options.campaign, options.mailing, part)
            rows.extend(published)
            refused.update(missed)
            print(f"\r{len(rows) + refused.total():,} of {len(customers):,}", end="", file=sys.stderr, flush=True)

        async with asyncio.TaskGroup() as tasks:
            for part in batches(customers):
                tasks.create_task(one(part))
    print(file=sys.stderr)
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer", "code"))
        writer.writerows(sorted(rows))
    print(f"{len(rows):,} codes in {options.output}")
    for reason, count in refused.most_common():
        print(f"{count:,} customers without a code: {reason}")
    return 1 if refused else 0


def main() -> int:
    """Publish; the exit status is 1 when somebody got no code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("customers", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--target", default="127.0.0.1:50600")
    parser.add_argument("--campaign", required=True)
    parser.add_argument("--mailing", default="mailing", help="names this mailing; another one gives other codes")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
