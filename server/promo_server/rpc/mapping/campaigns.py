"""Campaigns and code layouts."""

from __future__ import annotations

from typing import Any

from promo.v1 import campaign_pb2, campaign_service_pb2
from promo_server.domain.campaign import Campaign, CodeMode
from promo_server.domain.definition import CampaignDefinition, Limits, Validity
from promo_server.domain.layout import MAXIMUM_CODES, CodeLayout
from promo_server.domain.requests import Repeat
from promo_server.rpc.mapping import definitions, times
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.repeats import repeat_of
from promo_server.services.change_campaign import CampaignTarget, CampaignUpdate
from promo_server.services.create_campaign import NewCampaign

_NAME_BYTES = 128
_DESCRIPTION_BYTES = 1024
_UPDATABLE = ("description", "discount", "validity", "limits", "join_once", "auto_grow", "metadata")
_MODES = {
    CodeMode.ARITHMETIC: campaign_pb2.CODE_MODE_ARITHMETIC,
    CodeMode.STORED: campaign_pb2.CODE_MODE_STORED,
}


def new_campaign(request: campaign_service_pb2.CreateCampaignRequest) -> tuple[NewCampaign, Repeat]:
    """Return what the request says about a new campaign, and its repeat key."""
    checks, message = Checks(), request.campaign
    repeat = repeat_of("CreateCampaign", request, checks)
    discount = definitions.discount_from(checks, "campaign.discount", message.discount)
    validity = definitions.validity_from(checks, "campaign.validity", message.validity)
    checks.text("campaign.name", message.name, _NAME_BYTES, required=True)
    checks.text("campaign.currency_code", message.currency_code, 3, required=True)
    checks.number("campaign.code_count", message.code_count, 0, MAXIMUM_CODES)
    checks.text("campaign.description", message.description, _DESCRIPTION_BYTES)
    metadata = checks.metadata("campaign.metadata", message.metadata)
    checks.finish()
    assert discount is not None  # noqa: S101 - its absence is a violation, so `finish` has refused
    limits = definitions.limits_from(message.limits)
    return (
        NewCampaign(
            name=message.name,
            definition=CampaignDefinition(message.currency_code, discount, validity, limits),
            layout=_layout_from(message.code_layout),
            code_count=message.code_count,
            description=message.description,
            join_once=message.join_once,
            auto_grow=message.auto_grow,
            metadata=metadata,
        ),
        repeat,
    )


def _layout_from(message: campaign_pb2.CodeLayout) -> CodeLayout:
    return CodeLayout(
        length=message.length,
        charset=message.charset,
        prefix=message.prefix,
        postfix=message.postfix,
        pattern=message.pattern,
        check_symbol=message.check_symbol,
        blocklist=tuple(message.blocklist),
    )


def campaign_name(value: str) -> str:
    """Return the id or name of a campaign that a request gives."""
    checks = Checks()
    checks.text("campaign", value, _NAME_BYTES, required=True)
    checks.finish()
    return value


def target(method: str, request: Any) -> tuple[CampaignTarget, Repeat]:  # noqa: ANN401 - three messages of one shape
    """Return which campaign an enable, disable or delete request names, and its repeat key."""
    checks = Checks()
    repeat = repeat_of(method, request, checks)
    checks.text("campaign", request.campaign, _NAME_BYTES, required=True)
    checks.finish()
    return CampaignTarget(request.campaign, request.etag), repeat


def update(request: campaign_service_pb2.UpdateCampaignRequest) -> tuple[CampaignUpdate, Repeat]:
    """Return the new values of the fields that the mask names, and the repeat key."""
    checks, message = Checks(), request.campaign
    repeat = repeat_of("UpdateCampaign", request, checks)
    paths = set(request.update_mask.paths)
    if not paths:
        checks.add("update_mask", "is required")
    for path in sorted(paths.difference(_UPDATABLE)):
        checks.add("update_mask", f"names {path}, which is not one of {', '.join(_UPDATABLE)}")
    if not message.id and not message.name:
        checks.add("campaign.id", "this or the name is required")
    checks.text("campaign.id", message.id, _NAME_BYTES)
    checks.text("campaign.name", message.name, _NAME_BYTES)
    checks.text("campaign.description", message.description, _DESCRIPTION_BYTES)
    plain: dict[str, Any] = {name: getattr(message, name) for name in ("description", "join_once", "auto_grow")}
    plain["metadata"] = checks.metadata("campaign.metadata", message.metadata)
    discount = definitions.discount_from(checks, "campaign.discount", message.discount) if "discount" in paths else None
    validity: Validity | None = None
    if "validity" in paths:
        validity = definitions.validity_from(checks, "campaign.validity", message.validity)
    limits: Limits | None = definitions.limits_from(message.limits) if "limits" in paths else None
    checks.finish()
    return (
        CampaignUpdate(
            target=CampaignTarget(message.id or message.name, message.etag),
            fields={name: value for name, value in plain.items() if name in paths},
            discount=discount,
            validity=validity,
            limits=limits,
        ),
        repeat,
    )


def campaign(value: Campaign) -> campaign_pb2.Campaign:
    """Return the message of a campaign; a dry run's has no id and no etag."""
    layout = value.layout
    return campaign_pb2.Campaign(
        id=value.id,
        name=value.name,
        description=value.description,
        currency_code=value.definition.currency,
        discount=definitions.discount_to(value.definition.discount),
        validity=None
        if value.definition.validity == Validity()
        else definitions.validity_to(value.definition.validity),
        limits=definitions.limits_to(value.definition.limits),
        code_count=value.code_count,
        code_layout=campaign_pb2.CodeLayout(
            length=layout.length,
            charset=layout.charset,
            prefix=layout.prefix,
            postfix=layout.postfix,
            pattern=layout.pattern,
            check_symbol=layout.check_symbol,
            blocklist=layout.blocklist,
        ),
        join_once=value.join_once,
        auto_grow=value.auto_grow,
        metadata=value.metadata,
        enabled=value.enabled,
        code_mode=_MODES[value.code_mode],
        code_mode_reason=value.code_mode_reason,
        create_time=times.timestamp(value.create_ms),
        update_time=times.timestamp(value.update_ms),
        etag=value.etag if value.id else "",
    )
