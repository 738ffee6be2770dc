"""Domain values as JSON documents and back: what SQL columns and kept answers hold."""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic import TypeAdapter

from promo_server.domain.access import ApiKey, Project
from promo_server.domain.campaign import Campaign, CodeBatch
from promo_server.domain.code_import import CodeImport
from promo_server.domain.definition import CampaignDefinition
from promo_server.domain.layout import CodeLayout
from promo_server.domain.operation import Operation

DEFINITION: Final = TypeAdapter(CampaignDefinition)
LAYOUT: Final = TypeAdapter(CodeLayout)
CAMPAIGN: Final = TypeAdapter(Campaign)
BATCH: Final = TypeAdapter(CodeBatch)
OPERATION: Final = TypeAdapter(Operation)
CODE_IMPORT: Final = TypeAdapter(CodeImport)
PROJECT: Final = TypeAdapter(Project)
API_KEY: Final = TypeAdapter(ApiKey)


def document_of(adapter: TypeAdapter[Any], value: object) -> dict[str, Any]:
    """Return a value as a JSON document without what is not set: None, and discounts on every line."""
    return cast("dict[str, Any]", adapter.dump_python(value, mode="json", exclude_none=True))
