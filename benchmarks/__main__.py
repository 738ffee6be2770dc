"""Runs a bench by name: python -m benchmarks NAME [--json] [--quick] ..."""

import importlib
import sys

from benchmarks import results

BENCHES = {
    "codes": "codes",
    "campaign": "campaign",
    "redeem": "redeem",
    "batch": "batch",
    "latency": "latency",
    "publish": "publish",
    "rest-publish": "rest_publish",
    "list": "list",
    "import": "code_import",
    "export": "export",
    "report": "report",
}
"""Modules by name of the bench."""


def main() -> int:
    """Returns the status of the process."""
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHES:
        print(f"usage: python -m benchmarks {{{','.join(BENCHES)}}} [--json] [--quick]", file=sys.stderr)
        return 2
    name, arguments = sys.argv[1], sys.argv[2:]
    module = importlib.import_module(f"benchmarks.{BENCHES[name]}")
    with results.kept(name, arguments):
        module.main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
