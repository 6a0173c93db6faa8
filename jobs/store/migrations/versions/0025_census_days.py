"""How the orders a channel lists compare with those recorded, day by day."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "census_day",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="of the shop, on which the orders were placed",
        ),
        sa.Column(
            "theirs",
            sa.Integer(),
            nullable=False,
            comment="orders the channel lists, when compared last",
        ),
        sa.Column(
            "stated", sa.Integer(), comment="orders it says there are; null: it does not say"
        ),
        sa.Column(
            "ours",
            sa.Integer(),
            nullable=False,
            comment="orders recorded, after what was missing came",
        ),
        sa.Column(
            "fetched",
            sa.Integer(),
            nullable=False,
            comment="of them by the comparisons, all together",
        ),
        sa.Column(
            "missing",
            types.Json(),
            nullable=False,
            comment="ids it lists that could not be fetched yet",
        ),
        sa.Column("compared_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "day", name=op.f("pk_census_day")),
    )
