"""An import of existing codes from a CSV file: rows per second from the command's start to usable codes, and memory."""

import asyncio
import json
import resource
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import embedded, output
from benchmarks.embedded import Embedded
from benchmarks.ours import KEY
from benchmarks.output import Output, rounded
from promo.client import Campaign, PromoClient, amount_off, item, order

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10
CAMPAIGN = "imported"


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    rows = 100_000 if options.quick else 1_000_000
    out = Output(json_only=options.json)
    out.introduce("Import", rows=f"{rows:,}", file="CSV")
    with embedded.serving() as server:
        codes = write(server.folder / "codes.csv", rows)
        asyncio.run(prepare(server))
        idle = embedded.memory(server.pid, "VmRSS")
        embedded.forget_peak(server.pid)
        told, importer = run(server)
        peak = embedded.memory(server.pid, "VmHWM") - idle
        asyncio.run(use(server, codes))
    rate = rows / told["seconds"]
    if told["accepted"] != rows:
        raise AssertionError(f"{told['accepted']} of {rows} codes were accepted")
    out.table(
        "Import",
        ["", "figure"],
        [
            ["rows/s, command and server", f"{rate:,.0f}"],
            ["server's memory above idle", f"{peak:.0f} MiB"],
            ["command's memory in all", f"{importer:.0f} MiB"],
        ],
    )
    out.finish(
        {
            "rows_per_second": rounded(rate, 0),
            "peak_memory_mib": rounded(peak, 1),
            "importer_memory_mib": rounded(importer, 1),
            "rows": rows,
        }
    )


def write(path: Path, rows: int) -> list[str]:
    """Writes a file of random codes, no two equal; returns some of them."""
    codes: set[str] = set()
    while len(codes) < rows:
        codes.add("".join(SYMBOLS[byte & 31] for byte in secrets.token_bytes(LENGTH)))
    path.write_text("code\n" + "\n".join(codes) + "\n")
    return list(codes)[:20]


async def prepare(server: Embedded) -> None:
    """Makes the campaign that the codes go into, beside one with computed codes that could be in their way."""
    async with PromoClient.connect(server.target, key=KEY) as client:
        for name, count in ((CAMPAIGN, 0), ("computed", 1_000_000)):
            campaign = Campaign(name=name, currency_code="GBP", discount=amount_off(1), code_count=count)
            await client.campaigns.create(campaign)


def run(server: Embedded) -> tuple[dict[str, float], float]:
    """Runs the command; returns what it tells, and MiB that it had at most."""
    command = server.promo("codes", "import", str(server.folder / "codes.csv"), "--campaign", CAMPAIGN, "--json")
    done = subprocess.run(command, env=server.environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


async def use(server: Embedded, codes: Sequence[str]) -> None:
    """Redeems some of the codes: they can be used."""
    async with PromoClient.connect(server.target, key=KEY) as client:
        for code in codes:
            await client.redeem(codes=[code], order=order("GBP", [item("mug", price=100)]))
