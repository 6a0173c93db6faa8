"""Parcels whose channel is not told of them for a while: their tracking number may be wrong."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column(
        "shipment",
        sa.Column(
            "tell_at",
            types.Instant(),
            nullable=True,
            comment="its number is doubted: its channel is told from then on; null: at once",
        ),
    )
