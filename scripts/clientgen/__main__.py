"""Writes every file that is made from the asyncio client, below the repository or another root."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from clientgen import reference, threads

REPOSITORY: Final = Path(__file__).resolve().parents[2]
CLIENT: Final = Path("clients/client/promo/client")


def generate() -> dict[str, str]:
    """Return every generated file, by its path in the repository."""
    texts = {
        (CLIENT / "sync" / f"{name}.py").as_posix(): threads.convert(
            name,
            (REPOSITORY / CLIENT / f"{name}.py").read_text(encoding="utf-8"),
        )
        for name in threads.MODULES
    }
    texts["docs/reference/client.md"] = reference.markdown()
    return texts


def main() -> None:
    """Generate below --output, the repository by default."""
    parser = argparse.ArgumentParser(prog="scripts/client", description=__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY, help="root to write below")
    output = parser.parse_args().output.resolve()
    texts = generate()
    for name, text in texts.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(texts)} files written below {output}")


if __name__ == "__main__":
    main()
