"""`promo vouchers create`: a code of the caller's own choice, in a campaign or with terms of its own."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from promo.v1.voucher_service_pb2 import StandaloneTerms
from promo_server.cli.campaign_options import LimitOptions, ValidityOptions
from promo_server.cli.command_error import CommandError
from promo_server.cli.discount_options import DiscountOptions
from promo_server.cli.field_options import Sets
from promo_server.cli.message_file import fill
from promo_server.cli.options import (
    Metadata,
    RequestId,
    ServerOptions,
    SettingsOptions,
    ValidateOnly,
    call,
    parse_metadata,
)
from promo_server.cli.output import Json, print_hint
from promo_server.cli.voucher_text import tell

File = Annotated[Path | None, Parameter(name=("--file", "-f"), allow_leading_hyphen=True)]


def create(  # noqa: PLR0913 - one parameter for each option
    code: str,
    /,
    *,
    campaign: str = "",
    file: File = None,
    currency: Annotated[str, Sets("currency_code")] = "",
    metadata: Metadata = (),
    discount: DiscountOptions = DiscountOptions(),  # noqa: B008 - frozen, and the form that cyclopts reads
    validity: ValidityOptions = ValidityOptions(),  # noqa: B008
    limits: LimitOptions = LimitOptions(),  # noqa: B008
    request_id: RequestId = "",
    validate_only: ValidateOnly = False,
    server: ServerOptions = ServerOptions(),  # noqa: B008
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008
    json: Json = False,
) -> None:
    """Create one voucher: in a campaign, or standing alone.

    Parameters
    ----------
    code
        As it is to be typed.
    campaign
        Id or name of the campaign whose terms it has; without, it stands alone.
    file
        Terms of one that stands alone, in JSON or TOML; options are set on top of it. - is JSON from standard input.
    currency
        ISO 4217 code of all amounts of one that stands alone.

    """
    terms = _terms(file, currency, metadata, discount, validity, limits)
    if campaign and terms is not None:
        raise CommandError("a voucher has the terms of its --campaign or its own; leave one of them out")
    if not campaign:
        terms = terms or StandaloneTerms()
        _require(terms)
    made = call(
        settings,
        server,
        lambda client: client.vouchers.create(
            code, campaign=campaign, standalone=terms, request_id=request_id, validate_only=validate_only
        ),
    )
    tell(made, "Created", validate_only=validate_only, json=json)
    if terms is not None and not (terms.limits.per_code or terms.limits.per_campaign):
        print_hint("Uses: unlimited. promo vouchers update --uses limits them.")


def _terms(
    file: Path | None,
    currency: str,
    metadata: tuple[str, ...],
    discount: DiscountOptions,
    validity: ValidityOptions,
    limits: LimitOptions,
) -> StandaloneTerms | None:
    """Return the terms that a voucher has of its own; None when nothing speaks of them."""
    groups = (discount, validity, limits)
    given = any(getattr(group, field.name) not in {None, ()} for group in groups for field in fields(group))
    if not (given or file is not None or currency or metadata):
        return None
    terms = StandaloneTerms()
    if file is not None:
        fill(terms, file)
    if currency:
        terms.currency_code = currency
    terms.metadata.update(parse_metadata(metadata))
    discount.apply(terms, terms.currency_code)
    validity.apply(terms)
    limits.apply(terms)
    return terms


def _require(terms: StandaloneTerms) -> None:
    """Refuse what lacks something that only its author can know, in the words of the options."""
    missing = [
        option
        for option, given in (
            ("--currency", terms.currency_code),
            ("--percent, --amount, --fixed-price or --free-units", terms.HasField("discount")),
        )
        if not given
    ]
    if missing:
        raise CommandError(
            f"a voucher without --campaign stands alone and needs {', and '.join(missing)}; "
            "see promo vouchers create --help"
        )
