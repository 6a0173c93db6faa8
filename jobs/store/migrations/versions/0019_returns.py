"""What comes back, and what is paid back; orders of ours that replace returned units."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0019"
down_revision = "0018"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "orders",
        sa.Column(
            "replaces",
            NUMBER,
            nullable=True,
            comment="the return whose units it replaces: ours, no buyer placed it; null: a buyer did",
        ),
    )
    op.create_table(
        "returns",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "remote_id",
            sa.Text(),
            nullable=True,
            comment="the channel's; null: it knows of no return",
        ),
        sa.Column("rma", sa.Text(), nullable=False, comment="our number, written on the parcel"),
        sa.Column("name", sa.Text(), nullable=False, comment="what people call it"),
        sa.Column("order_remote_id", sa.Text(), nullable=False),
        sa.Column("order_id", NUMBER, nullable=True, comment="null: we know no such order"),
        sa.Column("status", sa.Text(), nullable=False, comment="as the channel states it"),
        sa.Column("state", sa.Text(), nullable=False, comment="how far we are with it"),
        sa.Column(
            "handled_there",
            sa.Boolean(),
            nullable=False,
            comment="the channel takes it back itself",
        ),
        sa.Column("carrier", sa.Text(), server_default="", nullable=False),
        sa.Column("tracking_number", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "label", sa.Text(), server_default="", nullable=False, comment="who made it calls it so"
        ),
        sa.Column("our_label", sa.Boolean(), nullable=False, comment="the shop paid for its label"),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("recorded_at", types.Instant(), nullable=False),
        sa.Column("received_at", types.Instant(), nullable=True),
        sa.Column("closed_at", types.Instant(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True, comment="who opened it; null: it was pulled"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_returns_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returns")),
        sa.UniqueConstraint("channel", "remote_id", name=op.f("uq_returns_channel_remote_id")),
        sa.UniqueConstraint("rma", name=op.f("uq_returns_rma")),
    )
    op.create_index("ix_returns_order_id", "returns", ["order_id"], unique=False)
    op.create_index("ix_returns_state", "returns", ["state"], unique=False)
    op.create_table(
        "return_line",
        sa.Column("return_id", NUMBER, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column(
            "remote_id", sa.Text(), nullable=False, comment="the channel's; empty: ours alone"
        ),
        sa.Column("line", sa.Text(), nullable=False, comment="of the order; empty: not known"),
        sa.Column("remote_sku", sa.Text(), nullable=False),
        sa.Column(
            "quantity",
            sa.Integer(),
            nullable=False,
            comment="units of the order line; 0: taken off",
        ),
        sa.Column("received", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw_reason", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False, comment="refund, replacement, nothing"),
        sa.Column(
            "late_days",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="after its window",
        ),
        sa.CheckConstraint(
            "received >= 0 AND received <= quantity", name=op.f("ck_return_line_received")
        ),
        sa.ForeignKeyConstraint(
            ["return_id"],
            ["returns.id"],
            name=op.f("fk_return_line_return_id_returns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("return_id", "place", name=op.f("pk_return_line")),
    )
    op.create_table(
        "inspection",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("return_id", NUMBER, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column(
            "disposition",
            sa.Text(),
            nullable=False,
            comment="restock, damaged, to_supplier, destroy",
        ),
        sa.Column("quantity", sa.Integer(), nullable=False, comment="units of the order line"),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True, comment="null: the channel says so"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_inspection_quantity")),
        sa.ForeignKeyConstraint(
            ["return_id", "place"],
            ["return_line.return_id", "return_line.place"],
            name=op.f("fk_inspection_return_id_place_return_line"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
    )
    op.create_index("ix_inspection_return_id", "inspection", ["return_id"], unique=False)
    op.create_table(
        "refund",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("order_remote_id", sa.Text(), nullable=False),
        sa.Column("order_id", NUMBER, nullable=True, comment="null: we know no such order"),
        sa.Column("number", sa.Integer(), nullable=False, comment="counted within the order"),
        sa.Column(
            "remote_id", sa.Text(), nullable=True, comment="the channel's; null: not paid yet"
        ),
        sa.Column(
            "key", sa.Text(), nullable=True, comment="of its effect; null: it was made elsewhere"
        ),
        sa.Column("return_id", NUMBER, nullable=True, comment="what it settles; null: none"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="wanted, proposed, approved, made, refused, declined, withdrawn",
        ),
        sa.Column(
            "cause",
            sa.Text(),
            nullable=False,
            comment="return, difference, cancellation, elsewhere",
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("shipping", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("total", sa.BigInteger(), nullable=False, comment="minor units; with shipping"),
        sa.Column(
            "why",
            types.Json(),
            nullable=False,
            comment="[[code, args], ...]: what was kept, what is asked",
        ),
        sa.Column("chargeback", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="a person; null: the rules"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_refund_order_id_orders")
        ),
        sa.ForeignKeyConstraint(
            ["return_id"], ["returns.id"], name=op.f("fk_refund_return_id_returns")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("channel", "remote_id", name=op.f("uq_refund_channel_remote_id")),
        sa.UniqueConstraint("key", name=op.f("uq_refund_key")),
    )
    op.create_index("ix_refund_order_id", "refund", ["order_id"], unique=False)
    op.create_index("ix_refund_return_id", "refund", ["return_id"], unique=False)
    op.create_index("ix_refund_state", "refund", ["channel", "state"], unique=False)
    op.create_table(
        "refund_line",
        sa.Column("refund_id", NUMBER, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False, comment="of the order"),
        sa.Column(
            "return_id",
            NUMBER,
            nullable=True,
            comment="the return whose units these are; null: none",
        ),
        sa.Column("return_place", sa.Integer(), nullable=True, comment="the line of that return"),
        sa.Column(
            "disposition", sa.Text(), nullable=True, comment="what was found; null: nobody looked"
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False, comment="minor units, tax included"),
        sa.ForeignKeyConstraint(
            ["refund_id"],
            ["refund.id"],
            name=op.f("fk_refund_line_refund_id_refund"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("refund_id", "place", name=op.f("pk_refund_line")),
    )
    op.create_index("ix_refund_line_return_id", "refund_line", ["return_id"], unique=False)
    op.create_table(
        "exchange_line",
        sa.Column("return_id", NUMBER, nullable=False),
        sa.Column(
            "remote_id", sa.Text(), nullable=False, comment="the channel's, or counted by us"
        ),
        sa.Column("remote_sku", sa.Text(), nullable=False),
        sa.Column("listing_remote_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True, comment="of one, minor units"),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column(
            "there", sa.Boolean(), nullable=False, comment="the channel made it a line of its order"
        ),
        sa.ForeignKeyConstraint(
            ["return_id"],
            ["returns.id"],
            name=op.f("fk_exchange_line_return_id_returns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("return_id", "remote_id", name=op.f("pk_exchange_line")),
    )
    op.create_table(
        "supplier_claim",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("return_id", NUMBER, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False, comment="empty: nobody knows who"),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False, comment="units of the Sku"),
        sa.Column(
            "cost", sa.BigInteger(), nullable=True, comment="of one, minor units; null: not known"
        ),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open, credited, refused"),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("closed_at", types.Instant(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["return_id"], ["returns.id"], name=op.f("fk_supplier_claim_return_id_returns")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_claim")),
    )
    op.create_index("ix_supplier_claim_return_id", "supplier_claim", ["return_id"], unique=False)
    op.create_index(
        "ix_supplier_claim_state", "supplier_claim", ["state", "supplier"], unique=False
    )
