"""The way to PostgreSQL: verified TLS or a unix socket, and a name for everything that can go wrong with it."""

import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from sync.office.database import PostgreSQLSettings, open_database, schema
from sync.office.database.errors import (
    DatabaseError,
    DatabaseLocked,
    DatabaseLoginRefused,
    DatabaseMissing,
    DatabaseNotPermitted,
    DatabaseNotVerified,
    DatabaseSettingsInvalid,
    DatabaseUnreachable,
)
from sync.office.database.postgresql import connection_parameters
from tests.sync.office.migrated import Migrated
from tests.sync.office.postgres import ADMIN, Server

Refusal = Callable[..., DatabaseError]


@pytest.fixture
def name(postgres: Server, migrated: Migrated) -> Iterator[str]:
    with migrated.lent() as name:
        yield name


@pytest.fixture
def refusal(postgres: Server, name: str) -> Refusal:
    """What the software says when it is told to reach the database otherwise."""

    def refused(**changes: object) -> DatabaseError:
        database = open_database(postgres.settings(name, **changes))
        with pytest.raises(DatabaseError) as caught:
            database.demand_current()
        database.close()
        shown = "".join(traceback.format_exception(caught.value))
        assert str(changes.get("password", postgres.password)) not in shown
        assert caught.value.next_step
        return caught.value

    return refused


def test_the_connection_is_encrypted_and_durable(postgres: Server, name: str) -> None:
    database = open_database(postgres.settings(name))
    with database.read() as connection:
        row = connection.execute(
            text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        ).one()
        assert row.ssl
        assert row.version in {"TLSv1.2", "TLSv1.3"}
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "5s"
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with database.write() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
        assert connection.execute(text("SHOW transaction_read_only")).scalar_one() == "off"
    database.close()


def test_another_certificate_authority_is_refused(postgres: Server, refusal: Refusal) -> None:
    error = refusal(ca_file=postgres.folder / "other_ca.pem")
    assert isinstance(error, DatabaseNotVerified)
    assert "openssl s_client" in str(error)


def test_the_systems_authorities_do_not_vouch_for_ours(refusal: Refusal) -> None:
    assert isinstance(refusal(ca_file="system"), DatabaseNotVerified)


def test_a_missing_authority_is_refused(postgres: Server, refusal: Refusal) -> None:
    assert isinstance(refusal(ca_file=postgres.folder / "nothing.pem"), DatabaseNotVerified)


def test_another_host_name_is_refused(refusal: Refusal) -> None:
    assert isinstance(refusal(host="127.0.0.1"), DatabaseNotVerified)


def test_a_server_without_tls_is_refused(postgres: Server, refusal: Refusal) -> None:
    with postgres.without_tls():
        assert isinstance(refusal(), DatabaseNotVerified)


def test_the_environment_cannot_weaken_the_connection(
    postgres: Server, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {"PGSSLMODE": "disable", "PGSSLROOTCERT": "", "PGREQUIRESSL": "0"}.items():
        monkeypatch.setenv(variable, value)
    with postgres.without_tls():
        assert isinstance(refusal(), DatabaseNotVerified)


def test_a_wrong_password_is_named_and_not_shown(refusal: Refusal) -> None:
    assert isinstance(refusal(password="not the password"), DatabaseLoginRefused)


def test_an_unknown_user_is_named(refusal: Refusal) -> None:
    assert isinstance(refusal(user="nobody_here"), DatabaseLoginRefused)


def test_a_database_that_is_not_there_is_named(postgres: Server) -> None:
    with pytest.raises(DatabaseMissing, match="createdb"):
        open_database(postgres.settings("nothing_here")).demand_current()


def test_a_server_that_does_not_answer_is_named(refusal: Refusal) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        error = refusal(port=nobody.getsockname()[1])
    assert isinstance(error, DatabaseUnreachable)
    assert "pg_isready" in str(error)


def test_a_unix_socket_needs_no_certificate(postgres: Server, name: str) -> None:
    database = open_database(postgres.settings(name, host=str(postgres.folder), ca_file=None))
    database.demand_current()
    database.close()


def test_a_connection_that_the_server_ended_is_named_and_the_next_one_works(
    postgres: Server, name: str
) -> None:
    database = open_database(postgres.settings(name))
    with pytest.raises(DatabaseUnreachable), database.write() as connection:  # noqa: PT012
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgres.admin(f"SELECT pg_terminate_backend({pid}, 5000)")
        connection.execute(insert(schema.office).values(name="a", value="b"))
    database.demand_current()
    database.close()


def test_a_row_that_somebody_holds_for_too_long_is_named(postgres: Server, name: str) -> None:
    database = open_database(postgres.settings(name, lock_timeout_s=0.1))
    statement = text("SELECT 1 FROM alembic_version FOR UPDATE")
    with database.write() as holder:
        holder.execute(statement)
        with pytest.raises(DatabaseLocked, match="pg_stat_activity"), database.write() as waiting:
            waiting.execute(statement)
    database.close()


def test_an_account_without_rights_is_named(postgres: Server, name: str) -> None:
    postgres.admin("DROP ROLE IF EXISTS guest")
    postgres.admin("CREATE ROLE guest LOGIN PASSWORD 'guests-password'")
    database = open_database(postgres.settings(name, user="guest", password="guests-password"))
    with pytest.raises(DatabaseNotPermitted), database.read() as connection:
        connection.execute(text("SELECT * FROM people"))
    database.close()
    postgres.admin("DROP ROLE guest")


def test_connections_are_kept_for_their_age_or_not_at_all(postgres: Server, name: str) -> None:
    for age_s, kept in ((600, True), (0, False)):
        database = open_database(postgres.settings(name, conn_max_age_s=age_s))
        pids = []
        for _ in range(2):
            with database.read() as connection:
                pids.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        database.close()
        assert (pids[0] == pids[1]) is kept


def settings(**changes: object) -> PostgreSQLSettings:
    fields: dict[str, object] = {
        "host": "db.example", "name": "office", "user": ADMIN, "password": "hunter2hunter2",
        "ca_file": Path("ca.pem"),
    }  # fmt: skip
    return PostgreSQLSettings(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"ca_file": None},
        {"ca_file": "none"},
        {"password": ""},
        {"password": "two\nlines"},
        {"host": ""},
        {"host": "/run/postgresql,evil.example"},  # libpq would go on to the second, a TCP host
        {"host": "@abstract"},
        {"host": "db.example\x00"},
        {"name": ""},
        {"user": ""},
        {"port": 0},
        {"port": 65_536},
        {"conn_max_age_s": -1},
        {"connect_timeout_s": 0},
        {"lock_timeout_s": 0},
        {"pool_size": 0},
    ],
)
def test_settings_that_are_wrong_or_weak_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(DatabaseSettingsInvalid):
        settings(**changes)


def test_the_password_is_in_no_repr() -> None:
    database = open_database(settings())
    for shown in (repr(settings()), str(settings()), repr(database), repr(vars(database)), settings().where):
        assert "hunter2" not in shown


def test_every_way_of_connecting_is_told_to_verify() -> None:
    for host in ("db.example", "10.0.0.1", "/run/postgresql"):
        told = connection_parameters(settings(host=host))
        assert (told["sslmode"], told["ssl_min_protocol_version"]) == ("verify-full", "TLSv1.2")
        assert told["gssencmode"] == "disable"
