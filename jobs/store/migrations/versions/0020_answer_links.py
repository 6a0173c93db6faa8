"""Pages on which suppliers answer a purchase order, each once."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "answer_link",
        sa.Column(
            "token_hash",
            sa.Text(),
            nullable=False,
            comment="SHA-256; the token itself is kept nowhere",
        ),
        sa.Column("connection", sa.Text(), nullable=False, comment="who may answer by it"),
        sa.Column("key", sa.Text(), nullable=False, comment="the purchase order it is about"),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column(
            "spent_at",
            types.Instant(),
            nullable=True,
            comment="when it was answered, by this link or another",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_answer_link")),
    )
    op.create_index(op.f("ix_answer_link_key"), "answer_link", ["key"])
