"""Publications: codes handed to customers."""

from __future__ import annotations

from collections.abc import Sequence

from promo.client import Campaign, Customer
from promo.v1.publication_pb2 import Publication
from promo.v1.publication_service_pb2 import PublishRequest
from promo.v1.voucher_pb2 import Voucher
from promo_adapters.base import metadata
from promo_adapters.base.problems import Problem
from promo_adapters.rest import models
from promo_adapters.rest.mapping.customers import customer_object, to_customer
from promo_adapters.rest.mapping.values import instant
from promo_adapters.rest.mapping.vouchers import voucher_object


def to_publish_request(given: models.Publication, *, missing_key: str, most_codes: int) -> PublishRequest:
    """Return the call that a request asks for.

    `missing_key` is the key of the problem when there is no customer, which
    differs between body and query. Raises Problem for what the engine cannot do.
    """
    customer = to_customer(given.customer)
    if customer is None:
        where = "Query" if missing_key == "invalid_query_params" else "Body"
        raise Problem(400, missing_key, f"{where} should have required property 'customer'")
    if given.voucher:
        raise Problem(400, "voucher_cannot_be_published", "a chosen code cannot be published; name its campaign")
    campaign, count = _campaign(given.campaign)
    if not campaign:
        raise Problem(400, "missing_vouchers", "Either Campaign or Voucher is required")
    most = 1 if given.source_id else most_codes
    if count > most:
        raise Problem(400, "too_many_vouchers_requested", f"Only up to {most} can be published")
    return PublishRequest(
        campaign=campaign,
        customer=customer,
        count=count,
        source_id=given.source_id or "",
        channel=given.channel or "",
        join_once=given.join_once or False,
        metadata=metadata.pack(given.metadata),
    )


def _campaign(given: models.PublicationCampaign | str | None) -> tuple[str, int]:
    if given is None or isinstance(given, str):
        return given or "", 1
    return given.name or given.id or "", given.count


def publication_object(
    publication: Publication,
    customer: Customer,
    vouchers: Sequence[Voucher],
    campaign: Campaign | None,
) -> dict[str, object]:
    """Return a publication with its voucher, or with its codes when there are several.

    A code whose voucher could not be read is described by the publication alone.
    """
    known = {voucher.code: voucher for voucher in vouchers}
    handed = [known.get(code) or _unread(publication, code, campaign) for code in publication.codes]
    codes: dict[str, object] = (
        {"voucher": voucher_object(handed[0], campaign)}
        if len(handed) == 1
        else {"vouchers": [voucher.code for voucher in handed]}
    )
    return {
        "id": publication.id,
        "object": "publication",
        "created_at": instant(publication.publish_time),
        "customer_id": publication.customer,
        "tracking_id": publication.customer,
        "metadata": metadata.unpack(publication.metadata),
        "channel": publication.channel or "API",
        "source_id": publication.source_id or None,
        "result": "SUCCESS",
        "customer": customer_object(publication.customer, customer),
        **codes,
        "vouchers_id": [voucher.id for voucher in handed if voucher.id],
    }


def _unread(publication: Publication, code: str, campaign: Campaign | None) -> Voucher:
    return Voucher(
        code=code,
        campaign_id=publication.campaign_id,
        campaign=publication.campaign,
        holder=publication.customer,
        publish_time=publication.publish_time,
        expire_time=publication.expire_time if publication.HasField("expire_time") else None,
        enabled=campaign.enabled if campaign is not None else True,
        redemption_limit=campaign.limits.per_code if campaign is not None else 0,
    )
