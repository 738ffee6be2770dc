"""Certificates for tests of TLS."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

_OPENSSL = shutil.which("openssl")

needs_openssl = pytest.mark.skipif(_OPENSSL is None, reason="needs the openssl command")


class Certificate(NamedTuple):
    """The PEM files of a certificate that nobody else has signed, and of its key."""

    file: Path
    key: Path


def self_signed(folder: Path, name: str) -> Certificate:
    """Make a certificate for a host of that name in a folder that is there."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run([str(_OPENSSL), *request.split(), *subject, *files], check=True, capture_output=True)
    return made
