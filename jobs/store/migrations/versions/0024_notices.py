"""What each document said of a parcel; a parcel may be packed in several, and confirmed in parts."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "notice_line",
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="of the request to ship, or the purchase order",
        ),
        sa.Column(
            "tracking_number",
            sa.Text(),
            nullable=False,
            comment="or what else the goods go under",
        ),
        sa.Column(
            "document",
            sa.Text(),
            nullable=False,
            comment="its writer's name for it; '': none told",
        ),
        sa.Column(
            "sku",
            sa.Text(),
            nullable=False,
            comment="or their word for it; '': nothing was in it",
        ),
        sa.Column("units", sa.Integer(), nullable=False, comment="as the document says now"),
        sa.Column("taken", sa.Integer(), nullable=False, comment="of them, counted as shipped"),
        sa.Column("at", types.Instant(), nullable=False, comment="when it was first told"),
        sa.PrimaryKeyConstraint(
            "key", "tracking_number", "document", "sku", name=op.f("pk_notice_line")
        ),
    )
    with op.batch_alter_table("shipment") as batch:
        batch.drop_constraint(op.f("uq_shipment_order_id_tracking_number"), type_="unique")
    op.create_index(
        "ix_shipment_order_id_tracking_number", "shipment", ["order_id", "tracking_number"]
    )
