"""What the examples of `--help` speak of, made on a real server when an example names it."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from promo.client import Campaign, Customer, Limits, SyncPromoClient, item, order, percent_off
from promo.v1.voucher_service_pb2 import StandaloneTerms
from promo_server.cli.import_rows import fingerprint

CUSTOMER = "17850"

_CART = order("GBP", [item(sku_id="mug", price=12_50, quantity=2)])
_ORDER_FILE = {"currency_code": "GBP", "items": [{"sku_id": "mug", "quantity": 2, "price": 1250}]}
_CAMPAIGN_FILE = {
    "name": "FROM-FILE",
    "currency_code": "GBP",
    "discount": {"percent": {"basis_points": 2000, "effect": "apply_to_order"}},
    "code_count": 1000,
}
_CAMPAIGN_TOML = """
name = "FROM-FILE"
currency_code = "GBP"
code_count = 1000
discount.percent = { basis_points = 2000, effect = "apply_to_order" }
"""
_TERMS_TOML = """
currency_code = "GBP"
discount.amount = { amount_off = 500, effect = "apply_to_order" }
"""
_INVOICES = (
    "invoice_no,invoice_date,customer_id,country,stock_code,description,quantity,unit_price_pence\n"
    "1,2026-01-02 10:00,17850,UK,mug,MUG,2,1250\n"
    "C2,2026-01-03 10:00,17850,UK,mug,MUG,-2,1250\n"
)
_OLD_CODES = ["OLD-7KX2M", "OLD-9PQ4R"]

_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class World:
    """One project of a server, and the folder in which an example is typed; a file or a thing is made once."""

    client: SyncPromoClient
    environment: Mapping[str, str]
    state_dir: Path
    folder: Path
    store_url: str = ""

    @functools.cached_property
    def spring(self) -> str:
        """The campaign SPRING: limits that let every example have its way."""
        self.client.campaigns.create(
            Campaign(
                name="SPRING",
                currency_code="GBP",
                discount=percent_off(20, limit=50_00),
                limits=Limits(per_code=9, per_campaign=1000),
                code_count=1_100_000,
            )
        )
        return "SPRING"

    @functools.cached_property
    def old_shop(self) -> str:
        """A campaign for an import."""
        self.client.campaigns.create(Campaign(name="Old shop", currency_code="GBP", discount=percent_off(10)))
        return '"Old shop"'

    @functools.cached_property
    def publication(self) -> str:
        """The id of a publication of a code of SPRING to the customer."""
        return self.client.publish(campaign=self.spring, customer=CUSTOMER, channel="braze").id

    @functools.cached_property
    def code(self) -> str:
        """The code that was handed out."""
        return self.client.publications.get(self.publication).codes[0]

    @functools.cached_property
    def own_voucher(self) -> str:
        """A voucher that stands alone."""
        terms = StandaloneTerms(currency_code="GBP", discount=percent_off(5))
        return self.client.vouchers.create("WELCOME5", standalone=terms).code

    @functools.cached_property
    def redemption(self) -> str:
        """The id of a redemption of the code on order 536365."""
        cart = order("GBP", _CART.items, source_id=self.order)
        return self.client.redeem(codes=[self.code], order=cart, customer=CUSTOMER).id

    @property
    def order(self) -> str:
        """The shop's own id of the order."""
        return "536365"

    @functools.cached_property
    def used_order(self) -> str:
        """The order, once it is known."""
        assert self.redemption
        return self.order

    @functools.cached_property
    def rollback(self) -> str:
        """The id of a rollback of the redemption."""
        return self.client.rollback(self.redemption).id

    @functools.cached_property
    def session(self) -> str:
        """The key of a hold of the code."""
        held = self.client.validate(codes=[self.code], order=_CART, session=timedelta(minutes=15))
        return held.session.key

    @functools.cached_property
    def key(self) -> str:
        """The id of a key."""
        return self.client.access.create_key(["checkout"]).id

    @functools.cached_property
    def customer(self) -> str:
        """The customer, with a profile."""
        self.client.customers.upsert(Customer(source_id=CUSTOMER, email="ada@example.com"))
        return CUSTOMER

    def file(self, name: str, text: str) -> str:
        """Write a file into the folder, and return its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def settings_file(self) -> str:
        """Settings in a file; the server's own, which are in the environment, go before them."""
        return self.file("promo.toml", f'state_dir = "{self.state_dir}"\n')

    def codes_file(self) -> str:
        """Codes that another shop has issued."""
        return self.file("codes.csv", "\n".join(["code", *_OLD_CODES, ""]))

    def interrupted(self) -> str:
        """The same, half imported."""
        name = self.codes_file()
        assert self.old_shop
        begun = self.client.imports.start("Old shop", source=fingerprint(self.folder / name))
        self.client.imports.append(begun.id, 0, _OLD_CODES)
        return name

    def verification_key(self) -> str:
        """The key with which the code is verified without a server."""
        (self.folder / "spring.key").write_bytes(self.client.codes.verification_key(self.spring))
        return "spring.key"

    def happen(self) -> None:
        """Let something happen that whoever watches is told of."""
        self.client.publish(campaign=self.spring, customer=CUSTOMER)

    def typed(self, example: str) -> str:
        """Make what an example names, and return what to type in this world."""
        for pattern, make in _NAMES.items():
            if re.search(pattern, example):
                made = make(self)
                example = re.sub(pattern, lambda _, made=made: made, example)
        return example


_NAMES: dict[str, Callable[[World], str]] = {
    # Names that stay, of things that are made.
    r"(?<!campaigns create )\bSPRING\b": lambda world: world.spring,
    r'(?<!campaigns create )"Old shop"': lambda world: world.old_shop,
    r"\b17850\b": lambda world: world.customer,
    r"\b536365\b": lambda world: world.used_order,
    r"\bWELCOME5\b": lambda world: world.own_voucher,
    # Names that the server makes.
    r"\bK7XQ2MNP4R\b": lambda world: world.code,
    r"\bk7xq2mnp4r\b": lambda world: world.code.lower(),
    r"\bK7XQ2MN\b": lambda world: world.code[:7],
    r"\bkey_k3v9q2x7\b": lambda world: world.key,
    r"\bpub_2a1900f3\b": lambda world: world.publication,
    r"\br_11019a4c7d3e2000\b": lambda world: world.redemption,
    r"\brr_11019a4c7d3e2001\b": lambda world: world.rollback,
    r"\b3f9a0c7d2b\b": lambda world: world.session,
    # Unique on the server, not in the project.
    r'(?<=projects create )"web shop"': lambda _: f'"web shop {next(_numbers)}"',
    # Files that are read.
    r"\bcart\.json\b": lambda world: world.file("cart.json", json.dumps(_ORDER_FILE)),
    r"(?<=import )codes\.csv(?=.* (--resume|--abort))": lambda world: world.interrupted(),
    r"(?<=import )codes\.csv\b": lambda world: world.codes_file(),
    r"\bcodes\.json\b": lambda world: world.file("codes.json", json.dumps(_OLD_CODES)),
    r"(?<=< )codes\.txt\b": lambda world: world.file("codes.txt", f"{world.code}\n"),
    r"(?<=--key )spring\.key\b": lambda world: world.verification_key(),
    r"(?<=--file )spring\.json\b": lambda world: world.file("spring.json", json.dumps(_CAMPAIGN_FILE)),
    r"(?<=--file )spring\.toml\b": lambda world: world.file("spring.toml", _CAMPAIGN_TOML),
    r"(?<=--file )changes\.toml\b": lambda world: world.file("changes.toml", 'description = "told"\n'),
    r"(?<=--file )gift\.toml\b": lambda world: world.file("gift.toml", _TERMS_TOML),
    r"/etc/promo\.toml\b": lambda world: world.settings_file(),
    r"\binvoices\.csv\b": lambda world: world.file("invoices.csv", _INVOICES),
    # What belongs to a machine.
    r"/var/lib/promo\b": lambda world: str(world.state_dir),
    r"/etc/bash_completion\.d/promo\b": lambda _: "completion.bash",
    r"redis://store:6379\b": lambda world: world.store_url,
    r"\b0\.0\.0\.0:50600\b": lambda _: "127.0.0.1:0",
}
"""What examples name, and what makes it and says what to type for it."""


def unused(examples: Iterable[str]) -> list[str]:
    """Return what is looked for in examples and in none of them."""
    return [pattern for pattern in _NAMES if not any(re.search(pattern, example) for example in examples)]
