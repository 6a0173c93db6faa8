"""Availability: handling times of offers, and the age of a location's figures."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "offer",
        sa.Column(
            "wanted_handling",
            sa.Integer(),
            comment="days from order to shipment; null: left as they are",
        ),
    )
    op.add_column(
        "offer",
        sa.Column("shown_handling", sa.Integer(), comment="as read there last; null: not known"),
    )
    op.create_index(
        "ix_snapshot_location_state_as_of", "snapshot", ["location", "state", "as_of"], unique=False
    )
