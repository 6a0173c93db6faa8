"""Purchase orders that restock us, and what each receipt cost."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0010"
down_revision = "0009"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "purchase_order",
        sa.Column(
            "number",
            sa.Text(),
            nullable=False,
            comment="printed on the order; the key of its effect",
        ),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False, comment="'': a person sends it"),
        sa.Column("location", sa.Text(), nullable=False, comment="who receives it"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="draft, sent, acknowledged, partly_received, received, closed, canceled",
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of its prices"),
        sa.Column(
            "needed_on",
            sa.Date(),
            nullable=True,
            comment="when we need it; null: as soon as can be",
        ),
        sa.Column("expected_on", sa.Date(), nullable=False, comment="when we reckon with it"),
        sa.Column(
            "confirmed_on",
            sa.Date(),
            nullable=True,
            comment="when the supplier says it leaves them",
        ),
        sa.Column("reference", sa.Text(), nullable=False, comment="the supplier's own word for it"),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("acknowledged_at", types.Instant(), nullable=True),
        sa.Column(
            "settled_at", types.Instant(), nullable=True, comment="received, closed or canceled"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_purchase_order")),
    )
    op.create_index("ix_purchase_order_state", "purchase_order", ["state"])
    op.create_table(
        "purchase_order_line",
        sa.Column("purchase", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False, comment="what the supplier calls it"),
        sa.Column("quantity", sa.Integer(), nullable=False, comment="units, never packs"),
        sa.Column("pack", sa.Integer(), nullable=False),
        sa.Column(
            "price",
            sa.BigInteger(),
            nullable=True,
            comment="of one unit, minor units; null: not known",
        ),
        sa.Column(
            "confirmed",
            sa.Integer(),
            nullable=True,
            comment="units the supplier says will come; null: no answer",
        ),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_purchase_order_line_quantity")),
        sa.ForeignKeyConstraint(
            ["purchase"],
            ["purchase_order.number"],
            name=op.f("fk_purchase_order_line_purchase_purchase_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("purchase", "sku", name=op.f("pk_purchase_order_line")),
    )
    op.create_index("ix_purchase_order_line_sku", "purchase_order_line", ["sku"])
    op.create_table(
        "receipt_cost",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="of the receipt's movement"),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("purchase", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column(
            "currency",
            sa.String(length=3),
            nullable=False,
            comment="the shop's, of all amounts here",
        ),
        sa.Column("goods", sa.BigInteger(), nullable=False, comment="minor units, of all units"),
        sa.Column("freight", sa.BigInteger(), nullable=False),
        sa.Column("duty", sa.BigInteger(), nullable=False),
        sa.Column("fees", sa.BigInteger(), nullable=False),
        sa.Column(
            "basis",
            types.Json(),
            nullable=False,
            comment="price, rate and duty it was reckoned with",
        ),
        sa.Column(
            "pool_units", sa.Integer(), nullable=False, comment="in stock after it, of known cost"
        ),
        sa.Column(
            "pool_value", sa.BigInteger(), nullable=False, comment="what those cost together"
        ),
        sa.ForeignKeyConstraint(
            ["purchase"],
            ["purchase_order.number"],
            name=op.f("fk_receipt_cost_purchase_purchase_order"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_cost")),
        sa.UniqueConstraint("reference", "sku", name=op.f("uq_receipt_cost_reference_sku")),
    )
    op.create_index("ix_receipt_cost_sku", "receipt_cost", ["sku"])
