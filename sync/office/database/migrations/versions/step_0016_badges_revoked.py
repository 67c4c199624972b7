"""Which of a person's badges count no more, at every kiosk of their sites."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Take the step."""
    op.add_column("people", Column("badges_revoked", Text, nullable=True))
