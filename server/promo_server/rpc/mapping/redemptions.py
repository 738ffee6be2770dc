"""Redemptions of the archive."""

from __future__ import annotations

from promo.v1 import event_pb2, redemption_pb2
from promo_server.services.archive_ports import ArchivedRedemption

_STATES = {
    "partially_rolled_back": redemption_pb2.REDEMPTION_STATE_PARTIALLY_ROLLED_BACK,
    "rolled_back": redemption_pb2.REDEMPTION_STATE_ROLLED_BACK,
}


def state_of(name: str) -> redemption_pb2.RedemptionState.ValueType:
    """Return a state by its name in the archive."""
    return _STATES.get(name, redemption_pb2.REDEMPTION_STATE_SUCCEEDED)


def redemption(value: ArchivedRedemption) -> redemption_pb2.Redemption:
    """Return the message of a redemption with what has become of it."""
    message = event_pb2.LedgerEntry.FromString(value.entry).redemption
    message.state = state_of(value.state)
    message.ClearField("rolled_back_ids")
    message.rolled_back_ids.extend(value.rolled_back_ids)
    return message
