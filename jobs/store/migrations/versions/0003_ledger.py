"""Who moved units and why, transfers on their way, counts, feeds that fall silent, shadow reports."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0003"
down_revision = "0002"

_APPEND_ONLY = "the ledger is append-only: write another movement instead"


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("arrived", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column(
            "counted_here",
            sa.Boolean(),
            nullable=False,
            comment="we count the destination: what arrives is a line of our ledger",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="open, closed"),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=False),
        sa.Column("closed_at", types.Instant(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_transfer_quantity")),
        sa.CheckConstraint("arrived + lost <= quantity", name=op.f("ck_transfer_arrived")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
    )
    op.create_table(
        "freshness",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="fresh, silent, stale"),
        sa.Column("since", types.Instant(), nullable=False, comment="in this state since"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("args", types.Json(), nullable=False),
        sa.Column(
            "watched_from",
            types.Instant(),
            nullable=False,
            comment="its first figure was due from here",
        ),
        sa.PrimaryKeyConstraint("location", name=op.f("pk_freshness")),
    )
    op.create_table(
        "shadow_report",
        sa.Column("day", sa.Text(), nullable=False, comment="of the shop: 2026-11-24"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("body", types.Json(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("day", "channel", name=op.f("pk_shadow_report")),
    )
    for table, column in _COLUMNS:
        op.add_column(table, column)
    if op.get_bind().dialect.name == "postgresql":
        _say_states()
        _close_ledger_postgresql()
    else:
        _close_ledger_sqlite()


_COLUMNS: tuple[tuple[str, sa.Column[Any]], ...] = (
    (
        "stock_level",
        sa.Column(
            "in_transit",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="units on their way here from another location: the rest of its open transfers",
        ),
    ),
    (
        "stock_level",
        sa.Column(
            "counted_at",
            types.Instant(),
            nullable=True,
            comment="the instant the last applied count here speaks of",
        ),
    ),
    (
        "movement",
        sa.Column(
            "cause", sa.Text(), server_default="", nullable=False, comment="a short code: why"
        ),
    ),
    (
        "movement",
        sa.Column("person", sa.Text(), nullable=True, comment="who did it; null: no person did"),
    ),
    ("movement", sa.Column("note", sa.Text(), nullable=True)),
    (
        "snapshot",
        sa.Column(
            "unknown",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="rows whose Sku nobody here knows",
        ),
    ),
    (
        "orders",
        sa.Column(
            "expired_at",
            types.Instant(),
            nullable=True,
            comment="a policy let its units go; null: they are held",
        ),
    ),
    (
        "order_line",
        sa.Column(
            "assigned",
            sa.Text(),
            nullable=True,
            comment="the channel's own place it ships from; null: not told",
        ),
    ),
)


def _say_states() -> None:
    op.alter_column(
        "reservation",
        "state",
        existing_type=sa.Text(),
        existing_nullable=False,
        comment="open, consumed, released, expired",
        existing_comment="open, consumed, released",
    )
    op.alter_column(
        "change_plan",
        "kind",
        existing_type=sa.Text(),
        existing_nullable=False,
        comment="adopt, offers, count, rollback",
        existing_comment="adopt, offers",
    )


def _close_ledger_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION movement_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER movement_append_only BEFORE UPDATE OR DELETE ON movement "
        "FOR EACH ROW EXECUTE FUNCTION movement_is_append_only()"
    )


def _close_ledger_sqlite() -> None:
    # A later batch migration of this table must make them again: it builds the table anew.
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER movement_no_{verb.lower()} BEFORE {verb} ON movement "
            f"BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
        )
