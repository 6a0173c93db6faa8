"""What others call our goods, with its history; the codes that channels show for their listings."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "outside_name",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "scheme", sa.Text(), nullable=False, comment="listing, remote_sku, item, gtin, asin"
        ),
        sa.Column(
            "place", sa.Text(), nullable=False, comment="a channel, supplier or connection; '': all"
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="file, person"),
        sa.Column(
            "sku",
            sa.Text(),
            nullable=True,
            comment="null: from then on the source says nothing of it",
        ),
        sa.Column("units", sa.Integer(), nullable=False, comment="units of the Sku in one of it"),
        sa.Column("begins", types.Instant(), nullable=False, comment="in force from here on"),
        sa.Column("told_at", types.Instant(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False, comment="a person, or the place in a file"),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_name")),
    )
    op.create_index(op.f("ix_outside_name_value"), "outside_name", ["value", "scheme", "place"])
    op.create_index(op.f("ix_outside_name_source"), "outside_name", ["source", "id"])
    op.create_index(op.f("ix_outside_name_sku"), "outside_name", ["sku"])
    op.create_table(
        "listing_code",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False, comment="gtin, asin"),
        sa.Column(
            "code",
            sa.Text(),
            nullable=False,
            comment="as it is looked up; as told where it is wrong",
        ),
        sa.Column("wrong", sa.Boolean(), nullable=False, comment="its check digit is not right"),
        sa.PrimaryKeyConstraint(
            "channel", "remote_id", "scheme", "code", name=op.f("pk_listing_code")
        ),
    )
    op.create_index(op.f("ix_listing_code_code"), "listing_code", ["code"])
