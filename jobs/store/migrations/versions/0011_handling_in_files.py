"""Files of many quantities carry the days from order to shipment too."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column(
        "submission_offer",
        sa.Column(
            "handling",
            sa.Integer(),
            comment="days from order to shipment; null: left as they are",
        ),
    )
