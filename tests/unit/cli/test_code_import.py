"""What `promo codes import` says of lines that were refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from promo.v1.code_service_pb2 import RefusedRow
from promo_server.cli.code_import import _write_refused

pytestmark = pytest.mark.asyncio


async def refused() -> AsyncIterator[RefusedRow]:
    yield RefusedRow(row=1, code="A", reason="CODE_ALREADY_EXISTS", problem="is the code of row 0 too")


async def test_a_report_takes_the_place_of_no_file_that_was_made_meanwhile(tmp_path: Path) -> None:
    wanted = tmp_path / "codes.csv.refused.csv"
    wanted.write_text("mine")
    (tmp_path / "codes.csv.refused-1.csv").symlink_to(tmp_path / "nowhere")
    written = await _write_refused(wanted, [2, 5], refused())
    assert written == tmp_path / "codes.csv.refused-2.csv"
    assert written.read_text() == "line,code,reason,problem\n5,A,CODE_ALREADY_EXISTS,is the code of line 2 too\n"
    assert written.stat().st_mode & 0o777 == 0o600
    assert wanted.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
