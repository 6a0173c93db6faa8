"""Goods on their way here: consignments, what is in them, and the legs of their way."""

import sqlalchemy as sa
from alembic import op

from jobs.store.types import Instant

revision = "0012"
down_revision = "0011"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "consignment",
        sa.Column(
            "number",
            sa.Text(),
            nullable=False,
            comment="a container, a truckload, a shipment to FBA",
        ),
        sa.Column(
            "destination", sa.Text(), nullable=False, comment="our location that receives it"
        ),
        sa.Column("lane", sa.Text(), nullable=False, comment="the way it takes; '': none told"),
        sa.Column(
            "connection",
            sa.Text(),
            nullable=False,
            comment="who tells what it received; '': nobody",
        ),
        sa.Column(
            "ref",
            sa.Text(),
            nullable=False,
            comment="that connection's own id of it; '': not known yet",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="open, received, closed, canceled"),
        sa.Column(
            "told", sa.Text(), nullable=False, comment="what the receiver last said; '': nothing"
        ),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column(
            "watched",
            sa.Boolean(),
            nullable=False,
            comment="known since it began; its days teach how long the way takes",
        ),
        sa.Column(
            "expected_on", sa.Date(), nullable=False, comment="when half of such are booked in"
        ),
        sa.Column("late_on", sa.Date(), nullable=False, comment="when nine of ten are"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("settled_at", Instant(), comment="received, closed or canceled"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_consignment")),
    )
    op.create_index("ix_consignment_state", "consignment", ["state"])
    op.create_index("ix_consignment_lane", "consignment", ["lane", "started_on"])
    op.create_index(
        "uq_consignment_connection_ref",
        "consignment",
        ["connection", "ref"],
        unique=True,
        sqlite_where=sa.text("ref != ''"),
        postgresql_where=sa.text("ref != ''"),
    )
    op.create_table(
        "consignment_line",
        sa.Column("consignment", sa.Text(), nullable=False),
        sa.Column(
            "item", sa.Text(), nullable=False, comment="the receiver's word for it, or our Sku"
        ),
        sa.Column(
            "purchase",
            sa.Text(),
            nullable=False,
            comment="the order it was bought with; '': our own",
        ),
        sa.Column("sku", sa.Text(), comment="null: nobody here knows the item"),
        sa.Column("units", sa.Integer(), nullable=False, comment="of the Sku that were sent"),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("transfer", NUMBER, comment="what took it off the origin"),
        sa.CheckConstraint("units >= 0", name=op.f("ck_consignment_line_units")),
        sa.CheckConstraint("received >= 0", name=op.f("ck_consignment_line_received")),
        sa.ForeignKeyConstraint(
            ["consignment"],
            ["consignment.number"],
            name=op.f("fk_consignment_line_consignment_consignment"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["transfer"], ["transfer.id"], name=op.f("fk_consignment_line_transfer_transfer")
        ),
        sa.PrimaryKeyConstraint(
            "consignment", "item", "purchase", name=op.f("pk_consignment_line")
        ),
    )
    op.create_index("ix_consignment_line_sku", "consignment_line", ["sku"])
    op.create_index("ix_consignment_line_purchase", "consignment_line", ["purchase"])
    op.create_table(
        "consignment_leg",
        sa.Column("consignment", sa.Text(), nullable=False),
        sa.Column(
            "leg",
            sa.Text(),
            nullable=False,
            comment="ready, loaded, sailed, port, customs, delivered, receiving",
        ),
        sa.Column("planned", sa.Date(), comment="what somebody said; null: nobody did"),
        sa.Column("actual", sa.Date(), comment="the day it was done; null: not yet"),
        sa.ForeignKeyConstraint(
            ["consignment"],
            ["consignment.number"],
            name=op.f("fk_consignment_leg_consignment_consignment"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("consignment", "leg", name=op.f("pk_consignment_leg")),
    )
