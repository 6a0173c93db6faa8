"""Feeds: a snapshot writes the figures that differ, and no row of those that do not."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # The instant of a whole location's figures stands once, at its snapshot in force.
    op.add_column(
        "snapshot",
        sa.Column(
            "complete",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="it speaks of the whole location",
        ),
    )
    if op.get_context().dialect.name == "postgresql":
        op.alter_column(
            "stock_level",
            "as_of",
            existing_type=types.Instant(),
            existing_nullable=True,
            comment="of a figure of this one alone, newer than the location's",
            existing_comment="of the last snapshot in force, where a remote counts",
        )
    op.add_column(
        "supplier_item",
        sa.Column(
            "terms",
            sa.Text(),
            nullable=True,
            comment="digest of all the above: two of them are compared, not ten columns",
        ),
    )
