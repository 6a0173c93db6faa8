"""What the review of orders looks at: marks of buyers and addresses, stated risk, what rules ask."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for name, comment in (
        ("door_mark", "the same for all spellings of one address; null: none"),
        ("buyer_mark", "the same for all orders of one buyer; null: not known"),
    ):
        # Of orders that are recorded already nothing is marked: windows are hours, not months.
        op.add_column("party", sa.Column(name, sa.Text(), nullable=True, comment=comment))
        op.create_index(op.f(f"ix_party_{name}"), "party", [name])
    with op.batch_alter_table("party") as batch:
        batch.alter_column(
            "role", existing_type=sa.Text(), existing_nullable=False, comment="ship_to, bill_to"
        )
    op.add_column(
        "orders",
        sa.Column(
            "risk", sa.Text(), nullable=False, server_default="", comment="of fraud, as stated"
        ),
    )
    op.add_column(
        "orders",
        sa.Column(
            "priority",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="higher: served first",
        ),
    )
    op.add_column(
        "orders",
        sa.Column(
            "asked",
            types.Json(),
            nullable=True,
            comment="what rules ask of it: tags, notes, services; null: nothing",
        ),
    )
    op.add_column(
        "fulfillment",
        sa.Column(
            "label_mark",
            sa.Text(),
            nullable=True,
            comment="of the address in its request; null: not made yet",
        ),
    )
    op.add_column(
        "hold",
        sa.Column(
            "until",
            types.Instant(),
            nullable=True,
            comment="it ends then, of itself; null: not by time",
        ),
    )
    op.create_index("ix_hold_until", "hold", ["until"])
    op.create_index("ix_hold_open", "hold", ["code", "released_at"])
    _rename_payment_holds()


def _rename_payment_holds() -> None:
    """Payments that are not complete have names of their own now; a release stays a release."""
    connection = op.get_bind()
    hold = sa.table(
        "hold", sa.column("order_id"), sa.column("code"), sa.column("args", types.Json())
    )
    orders = sa.table("orders", sa.column("id"), sa.column("name"), sa.column("payment"))
    for payment, code in (
        ("authorized", "authorized_only"),
        ("expired", "payment_expired"),
        ("partially_paid", "partly_paid"),
    ):
        held = sa.select(orders.c.id, orders.c.name).where(
            orders.c.payment == payment,
            sa.exists().where(hold.c.order_id == orders.c.id, hold.c.code == "unpaid"),
        )
        for row in connection.execute(held).all():
            connection.execute(
                sa.update(hold)
                .where(hold.c.order_id == row.id, hold.c.code == "unpaid")
                .values(code=code, args={"order": row.name})
            )
