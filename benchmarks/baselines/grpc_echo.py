"""A bare grpc.aio server on uvloop that returns the bytes it is sent.

It decodes nothing and stores nothing: the most that a grpc.aio server can do.
"""

import argparse

import grpc
import uvloop


async def echo(request: bytes, _: grpc.aio.ServicerContext) -> bytes:
    """Returns the request."""
    return request


async def serve(port: int) -> None:
    """Serves until it is told to stop."""
    server = grpc.aio.server()
    handlers = {"Redeem": grpc.unary_unary_rpc_method_handler(echo)}
    service = grpc.method_handlers_generic_handler("promo.v1.RedemptionService", handlers)
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.port))


if __name__ == "__main__":
    main()
