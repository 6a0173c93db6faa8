"""When a plan took an offer to 0: many small plans are one large one."""

import sqlalchemy as sa
from alembic import op

from jobs.store import types

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "offer",
        sa.Column(
            "zeroed_at",
            types.Instant(),
            nullable=True,
            comment="when a plan took it from more to 0 unseen; orders do not",
        ),
    )
