"""Afternoon design: grpc.aio on uvloop, redis-py asyncio, one Lua script."""

import argparse
import time
from pathlib import Path

import grpc
import uvloop
from redis.asyncio import Redis
from shares import split

from promo.v1 import (
    order_pb2,
    redeemable_pb2,
    redemption_pb2,
    redemption_service_pb2,
    redemption_service_pb2_grpc,
)

SCRIPT = (Path(__file__).parent / "redeem.lua").read_text()


class RedemptionServicer(redemption_service_pb2_grpc.RedemptionServiceServicer):
    """Redeems one code on one order."""

    def __init__(self, store: Redis) -> None:
        """Registers the script with the store's client."""
        self._script = store.register_script(SCRIPT)

    async def Redeem(  # noqa: N802 - the contract's name
        self,
        request: redemption_service_pb2.RedeemRequest,
        context: grpc.aio.ServicerContext,
    ) -> redemption_pb2.Redemption:
        """Returns the redemption, or aborts with the reason."""
        order = request.order
        if len(request.redeemables) != 1 or not request.request_id or not order.items:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one code, a request id and lines are required")
        code = request.redeemables[0].code
        amounts = [item.quantity * item.price for item in order.items]
        amount = sum(amounts)
        now = time.time_ns() // 1_000_000
        answer = await self._script(
            keys=[f"code:{code}", f"request:{request.request_id}", "ledger", "outbox"],
            args=[
                request.request_id,
                request.customer.source_id,
                order.source_id,
                amount,
                order.currency_code,
                now,
            ],
        )
        if answer[0] != 1:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, answer[1])
        _, redemption_id, campaign, discount = answer
        redemption = redemption_pb2.Redemption(
            id=redemption_id,
            customer=request.customer.source_id,
            state=redemption_pb2.REDEMPTION_STATE_SUCCEEDED,
            results=[
                redeemable_pb2.RedeemableResult(
                    code=code,
                    status=redeemable_pb2.REDEEMABLE_STATUS_APPLICABLE,
                    campaign_id=campaign,
                    applied_discount_amount=discount,
                    redemption_id=redemption_id,
                )
            ],
            order=order_pb2.Order(
                source_id=order.source_id,
                currency_code=order.currency_code,
                amount=amount,
                discount_amount=discount,
                total_discount_amount=discount,
                total_amount=amount - discount,
                items=[
                    order_pb2.OrderItem(
                        source_id=item.source_id,
                        product_id=item.product_id,
                        sku_id=item.sku_id,
                        quantity=item.quantity,
                        price=item.price,
                        amount=line,
                        order_discount_share=share,
                        total_amount=line - share,
                    )
                    for item, line, share in zip(order.items, amounts, split(discount, amounts), strict=True)
                ],
            ),
        )
        redemption.redeem_time.FromMilliseconds(now)
        return redemption


async def serve(port: int, store_socket: str) -> None:
    """Serves until it is told to stop."""
    # As many connections as calls are in flight; the default of 100 raises beyond.
    store = Redis(unix_socket_path=store_socket, decode_responses=True, max_connections=1_024)
    await store.ping()
    server = grpc.aio.server()
    redemption_service_pb2_grpc.add_RedemptionServiceServicer_to_server(RedemptionServicer(store), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", required=True, help="unix socket of the store")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.store))


if __name__ == "__main__":
    main()
