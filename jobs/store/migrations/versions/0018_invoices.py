"""Invoices of suppliers, matched with what was ordered and what came; when places were asked."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column(
        "orders",
        sa.Column(
            "canceling",
            sa.Text(),
            nullable=True,
            comment="why we are ending it at its channel; null: we are not",
        ),
    )
    op.add_column(
        "fulfillment",
        sa.Column(
            "asked_at",
            types.Instant(),
            nullable=True,
            comment="when its place was last asked what became of it",
        ),
    )
    op.add_column(
        "fulfillment",
        sa.Column(
            "call_off",
            sa.Text(),
            nullable=True,
            comment="its place is to be told not to ship: wanted, confirmed, refused; null: it is not",
        ),
    )
    op.add_column(
        "fulfillment",
        sa.Column(
            "call_off_why",
            sa.Text(),
            nullable=True,
            comment="change: the channel wants it no more; canceling: we end it there; overdue: it takes too long",
        ),
    )
    op.create_table(
        "invoice",
        sa.Column("connection", sa.Text(), nullable=False, comment="who sent it"),
        sa.Column("number", sa.Text(), nullable=False, comment="theirs"),
        sa.Column(
            "names", sa.Text(), nullable=False, comment="the order it names, in its own words"
        ),
        sa.Column("key", sa.Text(), nullable=False, comment="ours; empty: we know no such order"),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("extras", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("total", sa.BigInteger(), nullable=False, comment="minor units, as it stands"),
        sa.Column("credit", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="matched, waiting, differs, accepted, rejected",
        ),
        sa.Column("received_at", types.Instant(), nullable=False),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True, comment="a person; null: it matched"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "number", name=op.f("pk_invoice")),
    )
    op.create_index(op.f("ix_invoice_key"), "invoice", ["key"])
    op.create_index(op.f("ix_invoice_state"), "invoice", ["state"])
    op.create_table(
        "invoice_line",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False, comment="of all of them, minor units"),
        sa.ForeignKeyConstraint(
            ["connection", "number"],
            ["invoice.connection", "invoice.number"],
            name=op.f("fk_invoice_line_connection_number_invoice"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("connection", "number", "place", name=op.f("pk_invoice_line")),
    )
