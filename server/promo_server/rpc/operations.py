"""google.longrunning.Operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.empty_pb2 import Empty

from promo_server.domain.paging import encode_token
from promo_server.rpc import identity
from promo_server.rpc.mapping import codes as mapping
from promo_server.rpc.mapping.checks import Checks
from promo_server.rpc.mapping.times import milliseconds_of_duration
from promo_server.services.operations import Operations

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

_LONGEST_WAIT_SECONDS = 60.0
_MOST_WAITS = 64
"""Calls that may wait at the same time. They take slots of the server, of which checkouts need some too."""


class OperationsServicer(operations_pb2_grpc.OperationsServicer):
    """Answers for long-running operations."""

    def __init__(self, operations: Operations) -> None:
        """Keep the use cases."""
        self._operations = operations
        self._waits = 0

    async def GetOperation(
        self,
        request: operations_pb2.GetOperationRequest,
        _context: Context,
    ) -> operations_pb2.Operation:
        operation_id = mapping.operation_id(request.name)
        return mapping.operation(await self._operations.get(identity.current(), operation_id))

    async def ListOperations(
        self,
        request: operations_pb2.ListOperationsRequest,
        _context: Context,
    ) -> operations_pb2.ListOperationsResponse:
        caller, checks = identity.current(), Checks()
        if request.filter:
            checks.add("filter", "is not supported")
        page = checks.page("operations", caller.project, request.page_size, request.page_token)
        found = await self._operations.page(caller, page)
        return operations_pb2.ListOperationsResponse(
            operations=[mapping.operation(operation) for operation in found.rows],
            next_page_token=encode_token("operations", caller.project, found.last),
        )

    async def WaitOperation(
        self,
        request: operations_pb2.WaitOperationRequest,
        _context: Context,
    ) -> operations_pb2.Operation:
        checks, seconds = Checks(), _LONGEST_WAIT_SECONDS
        if request.HasField("timeout"):
            seconds = min(seconds, milliseconds_of_duration(checks, "timeout", request.timeout) / 1000)
        checks.finish()
        operation_id = mapping.operation_id(request.name)
        if self._waits >= _MOST_WAITS:
            # The contract lets an answer come early: it says that the operation is not done.
            seconds = 0.0
        self._waits += 1
        try:
            return mapping.operation(await self._operations.wait(identity.current(), operation_id, seconds))
        finally:
            self._waits -= 1

    async def CancelOperation(
        self,
        request: operations_pb2.CancelOperationRequest,
        _context: Context,
    ) -> Empty:
        await self._operations.cancel(identity.current(), mapping.operation_id(request.name))
        return Empty()

    async def DeleteOperation(
        self,
        request: operations_pb2.DeleteOperationRequest,
        _context: Context,
    ) -> Empty:
        await self._operations.delete(identity.current(), mapping.operation_id(request.name))
        return Empty()
