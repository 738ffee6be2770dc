"""All codes of a campaign into a file, with progress; an interrupted run is gone on with by the next one.

    PROMO_KEY=id:token python nightly_export.py --campaign SPRING codes.txt

While it runs the codes are in `codes.txt.part`, and `codes.txt.state` says how
far they are. The file has its name only when it is whole, so that whoever picks
it up never sees half of it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import BinaryIO, Final

from promo.client import SyncPromoClient

PIECES_PER_STATE: Final = 16
"""How often the state is written: what is lost by a crash is fetched again."""


class State:
    """How far an export to a file is: its length, and the token that goes on from there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.size: int = known.get("size", 0)
        self.resume_token: str = known.get("resume_token", "")

    def keep(self, file: BinaryIO, resume_token: str) -> None:
        """Remember that the file is whole up to here."""
        # The codes first: a state must not speak of what a power cut can take.
        file.flush()
        os.fsync(file.fileno())
        self.size, self.resume_token = file.tell(), resume_token
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(json.dumps({"size": self.size, "resume_token": resume_token}), encoding="utf-8")
        fresh.replace(self._path)

    def forget(self) -> None:
        """Remove it: the export is done."""
        self._path.unlink(missing_ok=True)


def export(client: SyncPromoClient, campaign: str, output: Path) -> int:
    """Write the codes and return how many the campaign has."""
    part = output.with_name(output.name + ".part")
    state = State(output.with_name(output.name + ".state"))
    total = 0
    with part.open("r+b" if part.exists() else "w+b") as file:
        if part.stat().st_size < state.size:
            raise SystemExit(f"{part} is shorter than its state says; remove both to begin again")
        # What was written after the last state is fetched again, so it goes.
        file.truncate(state.size)
        file.seek(state.size)
        token = state.resume_token
        pieces = client.codes.export(campaign, resume_token=token)
        for number, piece in enumerate(pieces, start=1):
            file.write(piece.chunk)
            total, token = piece.total_count, piece.resume_token
            if number % PIECES_PER_STATE == 0:
                state.keep(file, token)
                progress(piece.done_count, total)
        state.keep(file, token)
    part.replace(output)
    state.forget()
    progress(total, total)
    print(file=sys.stderr)
    return total


def progress(done: int, total: int) -> None:
    """Show how far the export is."""
    share = done / total if total else 1.0
    print(f"\r{done:,} of {total:,} codes ({share:.0%})", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Export; run it again to go on after a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--target", default="127.0.0.1:50600")
    parser.add_argument("--campaign", required=True)
    options = parser.parse_args()
    with SyncPromoClient.connect(options.target, key=os.environ["PROMO_KEY"]) as client:
        total = export(client, options.campaign, options.output)
    print(f"{options.output} is whole ({total:,} codes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
