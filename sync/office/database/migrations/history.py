"""Triggers that keep history: columns that no UPDATE may touch, rows that no DELETE may take, on both engines.

A step calls these; their text is as frozen as the step. What they raise is `HISTORY`.
"""

from collections.abc import Sequence

from alembic import op

HISTORY = "history is not rewritten"


def keep(table: str, *, columns: Sequence[str], rows: bool) -> None:
    """Refuse updates of the named columns, and deletions if `rows`."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE (ABORT, '{HISTORY}'); END"
    if postgresql:
        refuse = "EXECUTE FUNCTION keep_history()"
        op.execute(
            "CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{HISTORY}'; END $$"
        )
    each = "FOR EACH ROW"
    op.execute(f"CREATE TRIGGER {table}_kept BEFORE UPDATE OF {', '.join(columns)} ON {table} {each} {refuse}")
    if rows:
        op.execute(f"CREATE TRIGGER {table}_undeleted BEFORE DELETE ON {table} {each} {refuse}")
    if rows and postgresql:
        op.execute(f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
