"""`promo completion`: the shell completes commands and options."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.completion.detect import ShellDetectionError

from promo_server.cli.command_error import CommandError
from promo_server.cli.output import Json, print_json, print_line


def completion(
    shell: Literal["bash", "zsh", "fish"] | None = None,
    /,
    *,
    install: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
) -> None:
    """Print the script that makes a shell complete, or install it.

    Parameters
    ----------
    shell
        The one that runs now when absent.
    install
        Write the script where the shell looks for it, and have it loaded at its start.

    """
    from promo_server.cli.command import build  # noqa: PLC0415 - which names this module

    app = build()
    try:
        if install:
            path = str(app.install_completion(shell=shell))
            if json:
                print_json({"file": path})
            else:
                print_line(f"Installed {path}; it works in the next shell that you open.")
            return
        script = app.generate_completion(shell=shell)
    except ShellDetectionError:
        raise CommandError("this shell is not known; name one: promo completion bash") from None
    if json:
        print_json({"script": script})
    else:
        print(script)  # noqa: T201 - this is the command's answer
