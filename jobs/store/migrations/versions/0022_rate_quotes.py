"""What carriers said that parcels cost, from where to where, and how long that holds."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "rate_quote",
        sa.Column("area", sa.Text(), nullable=False, comment="first three digits of where it goes"),
        sa.Column("origin", sa.Text(), nullable=False, comment="ZIP code it starts from"),
        sa.Column("connection", sa.Text(), nullable=False, comment="who was asked"),
        sa.Column(
            "basis",
            sa.Text(),
            nullable=False,
            comment="what its prices hold for beside the lane",
        ),
        sa.Column("service", sa.Text(), nullable=False, comment="the carrier's own code"),
        sa.Column(
            "grams", sa.Integer(), nullable=False, comment="billable weight of the one parcel"
        ),
        sa.Column(
            "cents", sa.BigInteger(), nullable=True, comment="null: no price to use, see problem"
        ),
        sa.Column(
            "days", sa.Integer(), nullable=True, comment="business days it travels; null: not told"
        ),
        sa.Column(
            "problem",
            sa.Text(),
            nullable=False,
            comment="not_offered, refused, unreadable, currency, absurd; '': a price",
        ),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("valid_until", types.Instant(), nullable=False),
        sa.CheckConstraint(
            "(cents IS NULL) = (problem <> '')", name=op.f("ck_rate_quote_price_or_problem")
        ),
        sa.CheckConstraint("cents > 0", name=op.f("ck_rate_quote_cents")),
        sa.PrimaryKeyConstraint(
            "area",
            "origin",
            "connection",
            "basis",
            "service",
            "grams",
            name=op.f("pk_rate_quote"),
        ),
    )
    op.create_index(op.f("ix_rate_quote_connection"), "rate_quote", ["connection", "valid_until"])
