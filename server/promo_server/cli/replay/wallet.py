"""Hands the codes of a campaign to customers, before a replay begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from promo.client import PromoClient, PromoError, publish_request
from promo_server.cli.replay.refusals import refusal
from promo_server.cli.replay.tally import Tally

_AT_ONCE = 500
"""Publications in one call."""

_CHANNEL = "replay"


@dataclass(slots=True)
class Wallet:
    """Who holds which code; `spare` ones belong to friends, from whom shoppers borrow."""

    codes: dict[str, str] = field(default_factory=dict)
    spare: list[str] = field(default_factory=list)


async def hand_out(
    client: PromoClient,
    campaign: str,
    customers: Sequence[str],
    spare: int,
    tally: Tally,
    step: Callable[[int], None],
) -> Wallet:
    """Publish one code to each customer, and `spare` ones to friends; a customer who holds one keeps it."""
    wallet = Wallet()
    friends = [f"friend {number}" for number in range(1, spare + 1)]
    everybody = [*friends, *customers]
    for start in range(0, len(everybody), _AT_ONCE):
        some = everybody[start : start + _AT_ONCE]
        requests = [
            publish_request(campaign=campaign, customer=customer, channel=_CHANNEL, join_once=True) for customer in some
        ]
        with tally.timed("batch publish"):
            results = await client.batch_publish(requests)
        for customer, result in zip(some, results, strict=True):
            if isinstance(result, PromoError):
                tally.unpublished[refusal(result)] += 1
            else:
                wallet.codes[customer] = result.codes[0]
        step(len(wallet.codes))
    wallet.spare = [wallet.codes.pop(friend) for friend in friends if friend in wallet.codes]
    tally.customers, tally.codes = len(customers), len(wallet.codes)
    return wallet
