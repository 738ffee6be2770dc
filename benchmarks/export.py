"""Codes of a campaign to a file with its verification key, beside the disk's own rate; and the same as a stream."""

import asyncio
import json
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import embedded, output
from benchmarks.embedded import Embedded
from benchmarks.ours import KEY
from benchmarks.output import Output, rounded
from promo.client import Campaign, CodeLayout, PromoClient, amount_off

PIECE = bytes(1 << 22)


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    options = output.parser(__doc__).parse_args(arguments)
    count, streamed = (5_000_000, 1_000_000) if options.quick else (100_000_000, 10_000_000)
    out = Output(json_only=options.json)
    out.introduce("Export", codes=f"{count:,}")
    with embedded.serving() as server:
        asyncio.run(prepare(server, count))
        key = server.folder / "key"
        subprocess.run(server.promo("codes", "key", "export", "-o", str(key)), env=server.environment, check=True)
        small, _, base = export(server, "--key", str(key), "--count", "1000")
        size, seconds, peak = export(server, "--key", str(key))
        rate, disk = size / seconds / 1e6, disk_rate(server.folder / "disk", size)
        stream_size, stream_seconds, _ = export(server, "export", "--count", str(streamed))
    stream = stream_size / stream_seconds / 1e6
    out.table(
        "Export",
        ["", "figure"],
        [
            ["with the verification key", f"{rate:,.0f} MB/s"],
            ["the disk's own rate, same bytes", f"{disk:,.0f} MB/s"],
            ["memory beyond an export of 1,000 codes", f"{peak - base:.1f} MiB"],
            [f"as a stream from the server, {streamed:,} codes", f"{stream:,.0f} MB/s"],
        ],
    )
    out.finish(
        {
            "megabytes_per_second": rounded(rate, 1),
            "disk_megabytes_per_second": rounded(disk, 1),
            "peak_memory_mib": rounded(max(peak - base, 0.0), 1),
            "stream_megabytes_per_second": rounded(stream, 1),
            "codes": count,
            "small_export_bytes": small,
        }
    )


async def prepare(server: Embedded, count: int) -> None:
    """Makes the campaign."""
    async with PromoClient.connect(server.target, key=KEY) as client:
        campaign = Campaign(name="export", currency_code="GBP", discount=amount_off(1), code_count=count)
        campaign.code_layout.CopyFrom(CodeLayout(length=12))
        await client.campaigns.create(campaign)


def export(server: Embedded, *arguments: str) -> tuple[int, float, float]:
    """Runs the command; returns bytes, seconds until they are on the disk, and MiB that it had at most."""
    target = server.folder / "codes.txt"
    command = server.promo("codes", "export", *arguments, "-o", str(target), "--json")
    process = subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    printed = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise AssertionError(f"the export failed with {status}")
    told = json.loads(printed)
    size = target.stat().st_size
    if size != told["bytes"]:
        raise AssertionError("the export says another size than the file has")
    target.unlink()
    return size, float(told["seconds"]), memory(usage)


def memory(usage: resource.struct_rusage) -> float:
    """MiB that a process had at most."""
    return usage.ru_maxrss / 1024


def disk_rate(path: Path, size: int) -> float:
    """Megabytes per second of plain writes of so many bytes, until they are on the disk."""
    begun = time.monotonic()
    with path.open("wb", buffering=0) as file:
        for _ in range(max(size // len(PIECE), 1)):
            file.write(PIECE)
        os.fsync(file.fileno())
    seconds = time.monotonic() - begun
    path.unlink()
    return max(size // len(PIECE), 1) * len(PIECE) / seconds / 1e6
