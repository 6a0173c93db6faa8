"""What a receiver tells apart from what our books took of it; each packing slip of a consignment once."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column(
        "consignment",
        sa.Column(
            "told_name",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="what the receiver's own pages call it; empty: nothing",
        ),
    )
    op.add_column(
        "consignment",
        sa.Column(
            "undelivered_on",
            sa.Date(),
            nullable=True,
            comment="the last day it was seen not to be there",
        ),
    )
    op.add_column(
        "consignment_line",
        sa.Column(
            "loaded",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="units somebody here put on it; 0: only the receiver speaks of them",
        ),
    )
    op.add_column(
        "consignment_line",
        sa.Column(
            "booked",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="units taken in by the order or transfer, never fewer than before",
        ),
    )
    op.add_column(
        "consignment_leg",
        sa.Column(
            "not_before",
            sa.Date(),
            nullable=True,
            comment="the earliest day it can have been done; null: nobody saw",
        ),
    )
    op.execute(
        "UPDATE consignment_line SET loaded = units, booked = received "
        "WHERE purchase <> '' OR transfer IS NOT NULL"
    )
    # What a person told is so; of what a receiver told the day before it is not known any more.
    op.execute(
        "UPDATE consignment_leg SET not_before = actual WHERE consignment IN "
        "(SELECT number FROM consignment WHERE connection = '')"
    )
    op.create_table(
        "consignment_slip",
        sa.Column("consignment", sa.Text(), nullable=False),
        sa.Column(
            "slip", sa.Text(), nullable=False, comment="the number, or the digest of its bytes"
        ),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consignment"],
            ["consignment.number"],
            name=op.f("fk_consignment_slip_consignment_consignment"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("consignment", "slip", name=op.f("pk_consignment_slip")),
    )
    # Slips that were booked under an order: "order/consignment/slip".
    op.execute(
        "INSERT INTO consignment_slip (consignment, slip, at, person) "
        "SELECT l.consignment, "
        "substr(m.reference, length(l.purchase) + length(l.consignment) + 3) AS slip, "
        "min(m.at), coalesce(max(m.person), '') "
        "FROM consignment_line l JOIN movement m ON m.kind = 'receipt' "
        "AND substr(m.reference, 1, length(l.purchase) + length(l.consignment) + 2) "
        "= l.purchase || '/' || l.consignment || '/' "
        "WHERE l.purchase <> '' GROUP BY 1, 2"
    )
