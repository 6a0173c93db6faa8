"""Bulk submissions, and what channels show that we did not write."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0007"
down_revision = "0006"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _submissions()
    _drift()
    for column in (
        sa.Column(
            "feed", NUMBER, nullable=True, comment="the bulk submission that holds it; null: none"
        ),
        sa.Column(
            "repair_stopped",
            sa.Integer(),
            nullable=True,
            comment="the want that is not written again; newer ones only lower; null: repair is free",
        ),
        sa.Column(
            "stopped_by",
            sa.Text(),
            nullable=True,
            comment="the kind of Case that stopped its repair",
        ),
        sa.Column(
            "read_as",
            sa.Text(),
            nullable=True,
            comment="the Sku and stock item it was read for last",
        ),
    ):
        op.add_column("offer", column)
    op.create_index("ix_offer_channel_shown_at", "offer", ["channel", "shown_at"])
    # What a channel sold of one listing, for every difference found there.
    op.create_index("ix_order_line_listing_remote_id", "order_line", ["listing_remote_id"])


def _submissions() -> None:
    op.create_table(
        "submission",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="what names it at the remote"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="gathering, staging, staged, submitting, running, ended, failed, dropped",
        ),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column(
            "added_at", types.Instant(), nullable=False, comment="when an offer was added last"
        ),
        sa.Column(
            "staged", sa.Text(), nullable=True, comment="the remote's name of the uploaded file"
        ),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column(
            "settle_until",
            types.Instant(),
            nullable=True,
            comment="nobody asks whether it landed before",
        ),
        sa.Column("remote_ref", sa.Text(), nullable=True),
        sa.Column(
            "progress", sa.Text(), nullable=True, comment="the remote's own word for where it is"
        ),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True, comment="why it failed"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("key", name=op.f("uq_submission_key")),
    )
    op.create_index("ix_submission_channel_state", "submission", ["channel", "state"])
    op.create_table(
        "submission_offer",
        sa.Column("submission_id", NUMBER, nullable=False),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            comment="its message or line in the file, from 1",
        ),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("remote_location", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "shown", sa.Integer(), nullable=True, comment="what it replaces, for compare-and-set"
        ),
        sa.Column("version", sa.Integer(), nullable=False, comment="the want it carries"),
        sa.Column("settled", sa.Boolean(), nullable=False, comment="its result is recorded"),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
            name=op.f("fk_submission_offer_submission_id_submission"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("submission_id", "number", name=op.f("pk_submission_offer")),
    )


def _drift() -> None:
    op.create_table(
        "drift",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("remote_location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column(
            "expected", sa.Integer(), nullable=False, comment="what we sent or else read last"
        ),
        sa.Column("expected_at", types.Instant(), nullable=False),
        sa.Column("unconfirmed", sa.Boolean(), nullable=False, comment="sent, and not read back"),
        sa.Column("before", sa.Integer(), nullable=True, comment="shown before `expected`"),
        sa.Column("found", sa.Integer(), nullable=True, comment="null: the channel shows none"),
        sa.Column("found_at", types.Instant(), nullable=False),
        sa.Column(
            "since",
            types.Instant(),
            nullable=False,
            comment="since when it has differed, as far as seen",
        ),
        sa.Column(
            "moved",
            sa.Boolean(),
            nullable=False,
            comment="read for another Sku or item than before",
        ),
        sa.Column(
            "ours",
            sa.Boolean(),
            nullable=False,
            comment="the overwritten number was one we had set",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="found, repairing, stopped; ended: explained, repaired, overwritten, moot",
        ),
        sa.Column("cause", sa.Text(), nullable=True, comment="null: not judged yet"),
        sa.Column(
            "unexplained", sa.Integer(), nullable=True, comment="units that orders do not explain"
        ),
        sa.Column("judged_at", types.Instant(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift")),
    )
    op.create_index("ix_drift_channel_found_at", "drift", ["channel", "found_at"])
    op.create_index(
        "ix_drift_open",
        "drift",
        ["channel", "remote_id", "remote_location"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
