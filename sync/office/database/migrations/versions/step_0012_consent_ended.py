"""When it was last said of a person that no consent stands: older reports of one do not bring it back."""

from alembic import op
from sqlalchemy import Column

from sync.office.database.columns import Whole

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Take the step."""
    op.add_column("people", Column("consent_ended_us", Whole, nullable=True))
