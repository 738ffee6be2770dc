"""What writing a batch to the archive needs, wherever its entries come from."""

from __future__ import annotations

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.services.archive_ports import ArchiveBatch
from promo_server.services.ports import UnitOfWork
from promo_server.workers.facts import BatchBuilder


async def finish(unit: UnitOfWork, project_id: str, builder: BatchBuilder, numbers: dict[str, int]) -> ArchiveBatch:
    """Return what was collected, with what the archive has to say to it.

    `numbers` are those of the project's campaigns, by id, as far as they are known; missing ones are read.
    """
    if builder.published_campaigns.difference(numbers):
        numbers.update(await unit.campaigns.numbers(project_id))
    if builder.undone_items:
        builder.return_uses(await unit.vouchers.items(project_id, builder.undone_items))
    return builder.finish(numbers)


def passes(error: Exception) -> bool:
    """Return whether the same may succeed later; what is no refusal is a defect of the entry, or of ours."""
    return isinstance(error, DomainError) and error.reason is not Reason.CONFLICT
