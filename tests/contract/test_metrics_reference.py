from __future__ import annotations

from pathlib import Path

from promo_server.metrics_reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_metrics_page_is_what_the_metrics_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown()
