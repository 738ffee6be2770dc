"""When operations and imports ended: what is told of them is forgotten some time after."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


_GOING_ON = {"operations": ["running"], "code_imports": ["running", "aborting"]}


def upgrade() -> None:
    # Nobody noted when: nothing is forgotten too early if that counts as now.
    now_ms = time.time_ns() // 1_000_000
    for name, going_on in _GOING_ON.items():
        op.add_column(name, sa.Column("end_ms", sa.BigInteger(), nullable=True))
        state, end_ms = sa.column("state", sa.String), sa.column("end_ms", sa.BigInteger)
        ended = sa.update(sa.table(name, state, end_ms)).where(state.not_in(going_on))
        op.get_bind().execute(ended.values(end_ms=now_ms))
    op.create_index(op.f("ix_operations_end_ms"), "operations", ["end_ms"])
