from __future__ import annotations

from pathlib import Path

from promo_server.settings_reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_settings_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown()
