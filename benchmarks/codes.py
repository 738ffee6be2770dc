"""Making and reading codes on one core, beside npm voucher-code-generator; memory of a long export."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import output
from benchmarks.contestants import CACHE
from benchmarks.output import Output, rounded
from promo_server.kernel.codes import NO_CODE, Codec, check_layout, new_wrapped_key

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10
NOWHERE = Path("/dev/null")
PEER = "voucher-code-generator 1.3.0"
PEER_SOURCE = Path(__file__).parent / "baselines" / "node_codes"
PEER_COUNT = 1_000_000
MASTER = bytes(32)


def main(arguments: Sequence[str]) -> None:
    """Runs the bench."""
    parser = output.parser(__doc__)
    parser.add_argument("--memory-of", type=int, help="be the process whose memory is measured; makes that many codes")
    options = parser.parse_args(arguments)
    if options.memory_of:
        print(memory_of(options.memory_of))
        return
    repetitions, count, exported = (1, 2_000_000, 5_000_000) if options.quick else (5, 20_000_000, 100_000_000)
    out = Output(json_only=options.json)
    out.introduce(
        f"{LENGTH} random symbols over {len(SYMBOLS)} and a check symbol", repetitions=repetitions, codes=count
    )
    peer = install_peer()
    if peer is None:
        out.note(f"  {PEER} is left out: it needs Node with npm (apt-get install nodejs npm)")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    codec = make_codec()
    ours: list[tuple[float, float]] = []
    peers: list[float] = []
    decoded: list[float] = []
    for _ in range(repetitions):
        ours.append(encoding(codec, count))
        decoded.append(decoding(codec, count // 20))
        out.note(f"  ours {ours[-1][0] / 1e6:.1f} M codes/s, decoded in {decoded[-1]:.3f} us a code")
        if peer is not None:
            peers.append(peer_rate(peer))
            out.note(f"  npm  {peers[-1] / 1e6:.2f} M codes/s")
    peak = peak_memory(exported)
    report(out, ours, peers, decoded, peak, exported)


def make_codec() -> Codec:
    """The codes that are measured, under a new key."""
    specification = check_layout({"charset": SYMBOLS, "length": LENGTH, "check_symbol": True}, 1, 1.0).specification
    return Codec(specification, new_wrapped_key(MASTER), MASTER)


def encoding(codec: Codec, count: int) -> tuple[float, float]:
    """Codes per second of an export to nowhere on one thread: by the clock, and by the processor time it took."""
    wall, processor = time.perf_counter(), time.process_time()
    codec.write_file(NOWHERE, [(0, count)], threads=1)
    return count / (time.perf_counter() - wall), count / (time.process_time() - processor)


def decoding(codec: Codec, count: int) -> float:
    """Microseconds to read a code and find its position in a campaign of two ranges."""
    text = codec.export(0, count)
    ranges = [(0, count // 2), (count, count * 2)]
    started = time.perf_counter()
    positions = codec.locate_lines(text, ranges)
    seconds = time.perf_counter() - started
    if sum(1 for position in positions if position != NO_CODE) != count // 2:
        raise AssertionError("wrong codes were found")
    return seconds / count * 1e6


def install_peer() -> Path | None:
    """A folder with the peer, made on first use; None where there is no Node."""
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    directory = CACHE / "node_codes"
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "generate.js"):
        shutil.copy(PEER_SOURCE / name, directory)
    if not (directory / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=directory, check=True)
    return directory


def peer_rate(directory: Path) -> float:
    """Codes per second of the peer, start of its process not counted. It runs on our core, which is idle meanwhile."""
    command = ["node", "generate.js", str(PEER_COUNT), SYMBOLS]
    printed = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout
    made = json.loads(printed)
    return float(made["codes"]) / float(made["seconds"])


def peak_memory(count: int) -> float:
    """MiB that an export takes beyond the idle process, at its worst."""
    command = [sys.executable, "-m", "benchmarks", "codes", "--quick", "--memory-of", str(count)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory_of(count: int) -> float:
    """The same, measured in a process of its own: a peak cannot be taken back."""
    codec = make_codec()
    idle = resident("VmRSS")
    codec.write_file(NOWHERE, [(0, count)], threads=2)
    return resident("VmHWM") - idle


def resident(field: str) -> float:
    """MiB of memory that the kernel says we have."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise LookupError(field)


def report(
    out: Output,
    ours: Sequence[tuple[float, float]],
    peers: Sequence[float],
    decoded: Sequence[float],
    peak: float,
    exported: int,
) -> None:
    """Prints the table and the last line."""
    rate = statistics.median(wall for wall, _ in ours)
    by_processor = statistics.median(processor for _, processor in ours)
    peer = statistics.median(peers) if peers else None
    decode = statistics.median(decoded)
    out.table(
        "Medians",
        ["what", "figure"],
        [
            ["codes/s on one core, by the clock", f"{rate:,.0f}"],
            ["codes/s by processor time", f"{by_processor:,.0f}"],
            [f"npm {PEER}, codes/s", "absent" if peer is None else f"{peer:,.0f}"],
            ["ratio", "-" if peer is None else f"{rate / peer:.1f}"],
            [f"memory above idle, {exported:,} codes", f"{peak:.1f} MiB"],
            ["decode and membership", f"{decode:.3f} us a code"],
        ],
    )
    out.finish(
        {
            "codes_per_second_per_core": rounded(rate, 0),
            "codes_per_processor_second": rounded(by_processor, 0),
            "peer_codes_per_second": None if peer is None else rounded(peer, 0),
            "ratio_to_peer": None if peer is None else rounded(rate / peer, 1),
            "peak_memory_mib": rounded(peak, 1),
            "exported_codes": exported,
            "decode_us": rounded(decode, 4),
        }
    )
