"""What places decline line by line, short names of requests, numbers of documents and their receipts."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column(
        "fulfillment_line",
        sa.Column(
            "declined",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="units the place said it will not ship; not in `quantity` any more",
        ),
    )
    op.add_column(
        "fulfillment",
        sa.Column(
            "short_key",
            sa.Text(),
            nullable=True,
            comment="its key for those with room for few letters; null: made before there were any",
        ),
    )
    op.create_index("ix_fulfillment_short_key", "fulfillment", ["short_key"], unique=True)
    for column in (
        sa.Column(
            "serial",
            sa.BigInteger(),
            nullable=True,
            comment="of its document, counted by connection; null: it has none",
        ),
        sa.Column(
            "told", sa.Text(), nullable=True, comment="what it says, where nothing else keeps it"
        ),
        sa.Column(
            "received_at",
            types.Instant(),
            nullable=True,
            comment="when the other side said that it could read it",
        ),
    ):
        op.add_column("effect", column)
    op.create_index("ix_effect_connection_serial", "effect", ["connection", "serial"])
    op.create_table(
        "serial",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_serial")),
    )
