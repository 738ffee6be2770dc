"""Makes docs/reference/roles.md from the table of roles and the contract.

`python -m promo_server.roles_reference PATH` writes it; a test fails when the committed page differs.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import promo.v1
from promo_server.domain.access import SCOPES, Role

_HEAD = """# Roles

Generated from `server/promo_server/domain/access.py` and the contract by `python -m promo_server.roles_reference`; not
edited.

A key has one role or several, and may do what any of them may. A method needs one scope; a call without it fails with
`SCOPE_MISSING`, which names it. `Validate` with a `session` also needs `redemptions.write`. Another project than the
key's own needs `projects.write`.

"""

_STUBS = "_service_pb2_grpc"
_SCOPE = re.compile(r"Scope: (?:as (?P<method>\w+)|(?P<scope>\w+\.\w+))")


def markdown() -> str:
    """Return the page: a row for each scope, with the roles that have it and the methods that it opens."""
    methods: dict[str, list[str]] = {scope: [] for scope in sorted(frozenset().union(*SCOPES.values()))}
    for method, scope in _methods():
        methods[scope].append(method)
    columns = ("scope", *Role, "methods")
    lines = [_line(columns), "|" + "---|" * len(columns)]
    for scope, names in methods.items():
        held = ("yes" if scope in SCOPES[role] else "" for role in Role)
        lines.append(_line((f"`{scope}`", *held, ", ".join(f"`{name}`" for name in names))))
    return _HEAD + "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _methods() -> Iterator[tuple[str, str]]:
    """Yield every method with the scope that its comment in the contract names."""
    for module in pkgutil.iter_modules(promo.v1.__path__, "promo.v1."):
        if module.name.endswith(_STUBS):
            yield from _of_service(importlib.import_module(module.name))


def _of_service(stubs: ModuleType) -> Iterator[tuple[str, str]]:
    (servicer,) = (value for name, value in vars(stubs).items() if name.endswith("Servicer"))
    scopes: dict[str, str] = {}
    for name, method in vars(servicer).items():
        if not name.startswith("_"):
            found = _SCOPE.search(" ".join((method.__doc__ or "").split()))
            if found is None:
                raise ValueError(f"{servicer.__name__}.{name} names no scope")
            scopes[name] = found["scope"] or scopes[found["method"]]
    yield from scopes.items()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
