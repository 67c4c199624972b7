"""Where the evidence of an imported consent lies."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Take the step."""
    op.add_column("people", Column("consent_proof", Text, nullable=True))
