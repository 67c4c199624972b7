"""No column of tokens can be forgotten by a rotation: the list is compared with the schema."""

from edge.store.store import Store
from edge.store.tokens import NOT_TOKENS, TOKEN_COLUMNS, Purpose, last_row

_KEYED = {"key_rotation.data_key", "key_rotation.face_key"}  # the journal names keys and holds no token


def _columns(store: Store) -> dict[str, tuple[str, str]]:
    """Every column: its type, and the table that it refers to."""
    found: dict[str, tuple[str, str]] = {}
    with store.database.read() as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            refers = {row[3]: row[2] for row in connection.execute(f"PRAGMA foreign_key_list('{table}')")}
            for row in connection.execute(f"PRAGMA table_info('{table}')"):
                found[f"{table}.{row[1]}"] = (row[2], refers.get(row[1], ""))
    return found


def test_every_column_of_bytes_is_a_known_token_or_known_not_to_be_one(store: Store) -> None:
    blobs = {name for name, (kind, _) in _columns(store).items() if kind == "BLOB"}
    assert blobs == {column.name for column in TOKEN_COLUMNS} | NOT_TOKENS


def test_every_column_that_names_a_key_belongs_to_a_known_token(store: Store) -> None:
    naming = {name for name, (_, refers) in _columns(store).items() if refers == "storage_keys"}
    assert naming == {f"{column.table}.{column.written_by}" for column in TOKEN_COLUMNS} | _KEYED


def test_every_table_of_tokens_has_row_ids(store: Store) -> None:
    with store.database.read() as connection:
        for column in TOKEN_COLUMNS:
            last_row(connection, column)


def test_only_templates_and_the_face_keys_proof_are_the_face_keys() -> None:
    face = {column.name for column in TOKEN_COLUMNS if column.purpose is Purpose.FACE}
    assert face == {"templates.vector", "identity.face_proof"}
