"""Who counts a location: what its remote tells by item, and what it keeps for sales elsewhere."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types
from jobs.store.tables import Number

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "counted_item",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column(
            "item", sa.Text(), nullable=False, comment="what the counting remote calls the thing"
        ),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column(
            "units", sa.Integer(), nullable=False, comment="of the Sku, as its figure for us"
        ),
        sa.Column(
            "words", types.Json(), nullable=False, comment="{the remote's own word: quantity}"
        ),
        sa.Column("as_of", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("location", "item", name=op.f("pk_counted_item")),
    )
    op.create_index(
        op.f("ix_counted_item_location_sku"), "counted_item", ["location", "sku"], unique=False
    )
    op.create_table(
        "set_aside",
        sa.Column("order_id", Number, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column(
            "kept",
            sa.Integer(),
            nullable=False,
            comment="units the remote keeps for it, acknowledged",
        ),
        sa.Column(
            "told", sa.Integer(), nullable=False, comment="shipped units the remote was told of"
        ),
        sa.Column(
            "since",
            types.Instant(),
            nullable=True,
            comment="its figures of later lack what it keeps",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
            name=op.f("fk_set_aside_order_id_orders"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "location", "sku", name=op.f("pk_set_aside")),
    )
    op.create_table(
        "set_aside_step",
        sa.Column("order_id", Number, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="that of its effect"),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False, comment="reserve, release, ship"),
        sa.Column("units", types.Json(), nullable=False, comment="{Sku: units}"),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
            name=op.f("fk_set_aside_step_order_id_orders"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "number", name=op.f("pk_set_aside_step")),
    )
    op.create_index(
        op.f("ix_reservation_held"),
        "reservation",
        ["location"],
        unique=False,
        sqlite_where=sa.text("state IN ('open', 'absorbed')"),
        postgresql_where=sa.text("state IN ('open', 'absorbed')"),
    )
    op.add_column(
        "reservation",
        sa.Column(
            "shipped",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="left its place, whose own figure does not show it yet",
        ),
    )
    op.add_column(
        "order_line",
        sa.Column(
            "taken_from",
            types.Json(),
            nullable=True,
            comment="[[remote location, units], ...] the channel took off its own figures; null: not told",
        ),
    )
    op.add_column(
        "orders",
        sa.Column(
            "taken_at",
            types.Instant(),
            nullable=True,
            comment="its channel's figures of later lack its units; null: placed_at",
        ),
    )
    if op.get_context().dialect.name == "postgresql":
        # SQLite keeps no comments, and would copy the whole table for one.
        op.alter_column(
            "reservation",
            "state",
            existing_type=sa.Text(),
            existing_nullable=False,
            comment="open, absorbed, consumed, released, expired",
            existing_comment="open, consumed, released, expired",
        )
