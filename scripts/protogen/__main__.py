"""Writes every file derived from proto/ below the repository or another root."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from protogen import catalogue, descriptors, exceptions, reference, stubs, tables

REPOSITORY = Path(__file__).resolve().parents[2]


def generate(output: Path) -> list[Path]:
    """Return the paths, relative to `output`, of the files written there."""
    with tempfile.TemporaryDirectory() as scratch:
        files = descriptors.load(REPOSITORY / "proto", Path(scratch) / "descriptors.binpb")
    reasons = catalogue.read(files)
    written = stubs.write(REPOSITORY / "proto", output / "clients/client", files)
    texts = {
        "codegen_ext/crates/decision/src/reason.rs": tables.rust(reasons),
        "clients/client/promo/client/reasons.py": tables.python(reasons),
        "clients/client/promo/client/exceptions.py": exceptions.python(reasons),
        "server/promo_server/domain/reasons.py": tables.python(reasons),
        "docs/reference/reasons.md": tables.markdown(reasons),
        "docs/reference/proto.md": reference.markdown(files),
    }
    for name, text in texts.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return sorted(path.relative_to(output) for path in written)


def main() -> None:
    """Generate below --output, the repository by default."""
    parser = argparse.ArgumentParser(prog="scripts/proto", description=__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY, help="root to write below")
    arguments = parser.parse_args()
    count = len(generate(arguments.output.resolve()))
    print(f"{count} files written below {arguments.output}")


if __name__ == "__main__":
    main()
