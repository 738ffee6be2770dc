from __future__ import annotations

from pathlib import Path

from promo_server.roles_reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"


def test_roles_page_is_what_the_table_of_roles_and_the_contract_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown()
