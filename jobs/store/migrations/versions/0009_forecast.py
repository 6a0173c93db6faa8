"""What sold on which day, and when it could not."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "sales_day",
        sa.Column(
            "sku",
            sa.Text(),
            nullable=False,
            comment="as it is sold, a Kit is one; '': all together",
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "day", sa.Date(), nullable=False, comment="of the shop, on which the orders were placed"
        ),
        sa.Column("units", sa.Integer(), nullable=False, comment="less canceled and test ones"),
        sa.PrimaryKeyConstraint("sku", "channel", "day", name=op.f("pk_sales_day")),
    )
    op.create_index("ix_sales_day_channel_day", "sales_day", ["channel", "day"])
    op.create_table(
        "sales_mark",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "day", sa.Date(), nullable=False, comment="orders of it changed: to be counted anew"
        ),
        sa.PrimaryKeyConstraint("channel", "day", name=op.f("pk_sales_mark")),
    )
    op.create_table(
        "stock_out",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="began without a free unit anywhere"),
        sa.Column(
            "until",
            sa.Date(),
            nullable=True,
            comment="the day that began with some again; null: still out",
        ),
        sa.PrimaryKeyConstraint("sku", "day", name=op.f("pk_stock_out")),
    )
    op.create_index("ix_orders_channel_placed_at", "orders", ["channel", "placed_at"])
