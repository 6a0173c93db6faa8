"""Feeds: a snapshot writes the figures that differ, and no row of those that do not."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # The instant of a location's figures stands once, at its snapshot in force.
    op.drop_column("stock_level", "as_of")
    op.add_column(
        "supplier_item",
        sa.Column(
            "terms",
            sa.Text(),
            nullable=True,
            comment="digest of all the above: two of them are compared, not ten columns",
        ),
    )
