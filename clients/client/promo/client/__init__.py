"""The typed client of the promotion engine, for asyncio and, as SyncPromoClient, for threads.

    async with PromoClient.connect("127.0.0.1:50600", key="id:token") as client:
        cart = order("GBP", [item("mug", price=1250, quantity=2)])
        redemption = await client.redeem(codes=["K7XQ2MNP4R"], order=cart, customer="17850")

Exceptions are in promo.client.exceptions, one per reason.
"""

from promo.client import exceptions
from promo.client.build import (
    amount_off,
    fixed_price,
    free_units,
    item,
    order,
    percent_off,
    publish_request,
    redeem_request,
    validate_request,
    validity,
)
from promo.client.channel import ChannelTransport
from promo.client.client import PromoClient
from promo.client.errors import PromoError, Violation
from promo.client.hooks import Hook, Observation
from promo.client.in_process import InProcessTransport, Runtime
from promo.client.page import Page
from promo.client.paging import Listing
from promo.client.pieces import ExportPiece
from promo.client.reasons import Reason, ReasonDetail, Retry
from promo.client.retry import RetryPolicy
from promo.client.sync.client import SyncPromoClient
from promo.client.timeouts import Timeouts
from promo.client.tls import Tls
from promo.client.transport import Transport
from promo.v1.campaign_pb2 import Campaign, CodeLayout
from promo.v1.customer_pb2 import Customer
from promo.v1.limit_pb2 import Limits
from promo.v1.order_pb2 import Order, OrderItem
from promo.v1.voucher_pb2 import Voucher
from promo.v1.voucher_service_pb2 import StandaloneTerms, VoucherFilter

__all__ = [
    "Campaign",
    "ChannelTransport",
    "CodeLayout",
    "Customer",
    "ExportPiece",
    "Hook",
    "InProcessTransport",
    "Limits",
    "Listing",
    "Observation",
    "Order",
    "OrderItem",
    "Page",
    "PromoClient",
    "PromoError",
    "Reason",
    "ReasonDetail",
    "Retry",
    "RetryPolicy",
    "Runtime",
    "StandaloneTerms",
    "SyncPromoClient",
    "Timeouts",
    "Tls",
    "Transport",
    "Violation",
    "Voucher",
    "VoucherFilter",
    "amount_off",
    "exceptions",
    "fixed_price",
    "free_units",
    "item",
    "order",
    "percent_off",
    "publish_request",
    "redeem_request",
    "validate_request",
    "validity",
]
