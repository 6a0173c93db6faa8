"""Availability: the age of a location's figures is asked all the time."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_index(
        "ix_snapshot_location_state_as_of", "snapshot", ["location", "state", "as_of"], unique=False
    )
