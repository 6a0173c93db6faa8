"""Publishing: how long things take, measured."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "lag",
        sa.Column("kind", sa.Text(), nullable=False, comment="orders, offers, snapshot, figure"),
        sa.Column(
            "place",
            sa.Text(),
            nullable=False,
            comment="the channel or location it was measured at",
        ),
        sa.Column(
            "counts",
            types.Json(),
            nullable=False,
            comment="observations by bucket, see core.rules.lags",
        ),
        sa.Column("at", types.Instant(), nullable=False, comment="of the last observation"),
        sa.Column(
            "in_force",
            sa.Float(),
            nullable=True,
            comment="seconds that risk buffers reckon with; null: what is assumed",
        ),
        sa.PrimaryKeyConstraint("kind", "place", name=op.f("pk_lag")),
    )
