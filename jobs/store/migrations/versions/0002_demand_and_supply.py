"""Demand of Skus, and what suppliers tell of theirs."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "demand",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="'': all channels together"),
        sa.Column(
            "per_day", sa.Float(), nullable=False, comment="expected units a day, from now on"
        ),
        sa.Column("variance", sa.Float(), nullable=False, comment="of the units of one day"),
        sa.Column("days", sa.Integer(), nullable=False, comment="days of history it rests on"),
        sa.Column("at", types.Instant(), nullable=False, comment="when it was worked out"),
        sa.PrimaryKeyConstraint("sku", "channel", name=op.f("pk_demand")),
    )
    op.create_table(
        "supplier_item",
        sa.Column(
            "supplier",
            sa.Text(),
            nullable=False,
            comment="the connection that tells it, or its name",
        ),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False, comment="what the supplier calls it"),
        sa.Column(
            "pack",
            sa.Integer(),
            nullable=False,
            comment="units in one pack; ordered in whole packs",
        ),
        sa.Column("least", sa.Integer(), nullable=False, comment="fewest units in one order"),
        sa.Column(
            "cost",
            sa.BigInteger(),
            nullable=True,
            comment="of one unit, minor units; null: not told",
        ),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column(
            "breaks",
            types.Json(),
            nullable=False,
            comment="[[units, cost of one from there on], ...]",
        ),
        sa.Column(
            "lead_days", sa.Integer(), nullable=True, comment="stated lead time; null: not told"
        ),
        sa.Column("discontinued", sa.Boolean(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False, comment="when it was told"),
        sa.PrimaryKeyConstraint("supplier", "sku", name=op.f("pk_supplier_item")),
    )
