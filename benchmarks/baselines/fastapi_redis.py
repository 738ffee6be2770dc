"""Afternoon design: FastAPI on uvicorn (uvloop, httptools), redis-py asyncio, one Lua script."""

import argparse
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from redis.asyncio import Redis
from shares import split

SCRIPT = (Path(__file__).parent / "redeem.lua").read_text()


class Item(BaseModel):
    """One line of an order."""

    product_id: str
    quantity: int = Field(ge=1, le=1_000_000)
    price: int = Field(ge=0)


class RedeemRequest(BaseModel):
    """Asks to use a code on an order."""

    code: str = Field(min_length=1, max_length=96)
    customer: str = Field(min_length=1, max_length=256)
    order_id: str = Field(max_length=256)
    currency: str = Field(min_length=3, max_length=3)
    items: list[Item] = Field(min_length=1, max_length=500)
    request_id: str = Field(min_length=1, max_length=128)


class PricedItem(Item):
    """One line of an answered order."""

    amount: int
    order_discount_share: int
    total_amount: int


class Redemption(BaseModel):
    """A code used on an order."""

    id: str
    code: str
    campaign: str
    customer: str
    order_id: str
    currency: str
    items: list[PricedItem]
    amount: int
    discount_amount: int
    total_amount: int


def build(store_socket: str) -> FastAPI:
    """Returns the application on the store with this socket."""
    # As many connections as calls are in flight; the default of 100 raises beyond.
    store = Redis(unix_socket_path=store_socket, decode_responses=True, max_connections=1_024)
    script = store.register_script(SCRIPT)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await store.ping()
        yield
        await store.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/redeem")
    async def redeem(request: RedeemRequest) -> Redemption:
        amounts = [item.quantity * item.price for item in request.items]
        amount = sum(amounts)
        answer = await script(
            keys=[f"code:{request.code}", f"request:{request.request_id}", "ledger", "outbox"],
            args=[
                request.request_id,
                request.customer,
                request.order_id,
                amount,
                request.currency,
                time.time_ns() // 1_000_000,
            ],
        )
        if answer[0] != 1:
            raise HTTPException(status_code=400, detail=answer[1])
        _, redemption_id, campaign, discount = answer
        items = [
            PricedItem(
                product_id=item.product_id,
                quantity=item.quantity,
                price=item.price,
                amount=line,
                order_discount_share=share,
                total_amount=line - share,
            )
            for item, line, share in zip(request.items, amounts, split(discount, amounts), strict=True)
        ]
        return Redemption(
            id=redemption_id,
            code=request.code,
            campaign=campaign,
            customer=request.customer,
            order_id=request.order_id,
            currency=request.currency,
            items=items,
            amount=amount,
            discount_amount=discount,
            total_amount=amount - discount,
        )

    return app


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", required=True, help="unix socket of the store")
    options = parser.parse_args()
    uvicorn.run(
        build(options.store),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
