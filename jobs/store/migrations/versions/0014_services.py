"""By which service a fulfillment travels, and on which day its place ships it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column(
        "fulfillment",
        sa.Column(
            "service",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="what routing chose; empty: as the channel says",
        ),
    )
    op.add_column(
        "fulfillment",
        sa.Column("ship_on", sa.Date(), nullable=True, comment="the place's day it counts on"),
    )
    op.create_index("ix_fulfillment_ship_on", "fulfillment", ["location", "ship_on"])
