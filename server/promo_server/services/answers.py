"""Answers that are kept, so that a repeated request gets the first one."""

from __future__ import annotations

from promo_server.domain.errors import DomainError
from promo_server.domain.reasons import Reason
from promo_server.domain.requests import KEPT_FOR_MS, Repeat
from promo_server.services.ports import UnitOfWork


async def first_answer(unit: UnitOfWork, project_id: str, repeat: Repeat, now_ms: int) -> bytes | None:
    """Return what the request was answered with before; refuse another one's id with REQUEST_ID_REUSED."""
    if not repeat.request_id:
        return None
    kept = await unit.answers.find(project_id, repeat, now_ms)
    if kept is None:
        return None
    body_hash, answer = kept
    if body_hash != repeat.body_hash:
        raise DomainError(Reason.REQUEST_ID_REUSED, request_id=repeat.request_id)
    return answer


async def keep_answer(unit: UnitOfWork, project_id: str, repeat: Repeat, answer: bytes, now_ms: int) -> None:
    """Keep an answer for repeats of the request, if the caller wants to repeat it."""
    if repeat.request_id:
        await unit.answers.keep(project_id, repeat, answer, now_ms + KEPT_FOR_MS)
