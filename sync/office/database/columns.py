"""The kinds of column that the office's tables are made of, the same on SQLite and PostgreSQL.

Times are integer microseconds since 1970 in UTC (`..._us`): one type on both engines, exact, and no time zone
to get wrong. Hashes are 32 bytes, ids and codes are text, days are text in ISO form (they sort). SQLite's
tables are STRICT, so that neither engine takes a text for a number.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    true,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

HASH_BYTES = 32  # SHA-256, and an Ed25519 or X25519 public key

Whole = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's INTEGER holds 64 bits


class Flag(TypeDecorator[bool]):
    """True or false: BOOLEAN on PostgreSQL, 0 or 1 in SQLite's strict tables, `bool` in Python on both."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Pick the engine's own type."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:  # noqa: FBT001 (its signature)
        """Write 0 or 1 on SQLite."""
        return int(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:  # noqa: ARG002 (its signature)
        """Read a bool."""
        return None if value is None else bool(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def table(name: str, comment: str, *items: SchemaItem) -> Table:
    """Declare one table of the office."""
    rules = [
        CheckConstraint(item.info["rule"], name=item.name)
        for item in items
        if isinstance(item, Column) and "rule" in item.info
    ]
    return Table(name, metadata, *items, *rules, info={"about": comment}, sqlite_strict=True)


def number() -> Column[int]:
    """The row's own number: it grows with every insert. On PostgreSQL commits may overtake each other."""
    return Column("id", Whole, primary_key=True)


def text(name: str, *, optional: bool = False, key: bool = False) -> Column[str]:
    """A text."""
    return Column(name, Text, nullable=optional, primary_key=key)


def whole(name: str, *, optional: bool = False, default: int | None = None, key: bool = False) -> Column[int]:
    """A whole number of 64 bits."""
    start = None if default is None else sql(str(default))
    if key:  # given, never counted up by the engine
        return Column(name, Whole, primary_key=True, autoincrement=False)
    return Column(name, Whole, nullable=optional, server_default=start)


def moment(name: str, *, optional: bool = False) -> Column[int]:
    """Microseconds since 1970, UTC; its name ends in _us."""
    return Column(name, Whole, nullable=optional)


def flag(name: str, *, default: bool | None = None) -> Column[bool]:
    """True or false."""
    start = None if default is None else (true() if default else false())
    return Column(name, Flag, nullable=False, server_default=start)


def raw(name: str, *, optional: bool = False) -> Column[bytes]:
    """Bytes as they came."""
    return Column(name, LargeBinary, nullable=optional)


def digest(name: str, *, optional: bool = False) -> Column[bytes]:
    """32 bytes: a SHA-256 or a public key."""
    return Column(name, LargeBinary, nullable=optional, info={"rule": f"length({name}) = {HASH_BYTES}"})


def one_of(name: str, *values: str, optional: bool = False) -> Column[str]:
    """A text that is one of a few codes."""
    listed = ", ".join(f"'{value}'" for value in values)
    return Column(name, Text, nullable=optional, info={"rule": f"{name} IN ({listed})"})


def link(name: str, target: str, *, optional: bool = False, key: bool = False) -> Column[Any]:
    """A reference to another table's row, as "table.column"; the type follows the target's."""
    return Column(name, ForeignKey(target), nullable=optional, primary_key=key)
