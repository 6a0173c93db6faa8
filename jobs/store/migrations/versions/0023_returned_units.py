"""Units of a line that left and were paid back, while others of it are still to ship."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column(
        "order_line",
        sa.Column(
            "returned",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="units that left and were paid back since, while others are still to ship",
        ),
    )
