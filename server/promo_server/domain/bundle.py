"""Documents that the engine loads from the store: one per campaign, one per project, one per key."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from promo_server.domain.access import ApiKey, Project, scopes_of
from promo_server.domain.campaign import Campaign
from promo_server.domain.layout import IndexRange, RegisteredLayout, TakenRange


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def campaign_bundle(campaign: Campaign, definition: Mapping[str, Any], ranges: Iterable[IndexRange]) -> bytes:
    """Return the bundle of a campaign; `ranges` are in order of position, `definition` is canonical."""
    return _compact(
        {
            "id": campaign.id,
            "number": campaign.number,
            "project": campaign.project_id,
            "version": campaign.version,
            "name": campaign.name,
            "enabled": campaign.enabled,
            "deleted": campaign.deleted,
            "definition": definition,
            "layout": campaign.layout_number,
            "ranges": [[part.start, part.end] for part in ranges],
            "code_count": campaign.code_count,
            "join_once": campaign.join_once,
            "auto_grow": campaign.auto_grow,
            "codes": campaign.code_mode.value,
        },
    )


def project_bundle(
    project: Project,
    partitions: int,
    layouts: Iterable[RegisteredLayout],
    ranges: Iterable[TakenRange],
    campaigns: Iterable[tuple[int, str, str]],
) -> bytes:
    """Return the bundle of a project; `campaigns` are (number, id, name) of those that were not deleted.

    Ranges of deleted campaigns stay, so that their codes are never mistaken for free ones.
    """
    taken = {
        number: [[part.range.start, part.range.end, part.campaign_number] for part in group]
        for number, group in groupby(
            sorted(ranges, key=lambda part: (part.layout_number, part.range.start)),
            key=lambda part: part.layout_number,
        )
    }
    return _compact(
        {
            "id": project.id,
            "version": project.version,
            "time_zone": project.time_zone,
            "partitions": partitions,
            "layouts": [
                {
                    "number": layout.number,
                    "spec": json.loads(layout.specification),
                    "key": base64.b64encode(layout.wrapped_key).decode("ascii"),
                    "ranges": taken.get(layout.number, []),
                }
                for layout in layouts
            ],
            "campaigns": [{"number": number, "id": id_, "name": name} for number, id_, name in campaigns],
        },
    )


def key_document(key: ApiKey) -> bytes:
    """Return what the edge needs to know about a key."""
    return _compact(
        {
            "hash": key.token_hash,
            "project": key.project_id,
            "scopes": sorted(scopes_of(key.roles)),
            "admin": key.admin,
        },
    )
