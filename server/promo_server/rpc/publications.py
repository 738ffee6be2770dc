"""PublicationService, as far as the archive answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from promo.v1 import publication_service_pb2, publication_service_pb2_grpc
from promo_server.domain import lists
from promo_server.rpc import identity
from promo_server.rpc.mapping import history
from promo_server.rpc.mapping import lists as pages
from promo_server.services.read_history import ReadHistory

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class ArchivedPublicationServicer(publication_service_pb2_grpc.PublicationServiceServicer):
    """Lists publications."""

    def __init__(self, read: ReadHistory) -> None:
        """Keep the use case."""
        self._history = read

    async def ListPublications(
        self,
        request: publication_service_pb2.ListPublicationsRequest,
        _context: Context,
    ) -> publication_service_pb2.ListPublicationsResponse:
        caller = identity.current()
        asked = pages.query(lists.PUBLICATIONS, caller, request)
        found = await self._history.publications(caller, asked)
        answer = publication_service_pb2.ListPublicationsResponse(publications=map(history.publication, found.rows))
        return pages.answer(lists.PUBLICATIONS, caller, asked, found, answer)
