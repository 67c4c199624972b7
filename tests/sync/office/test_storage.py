"""The configuration reaches the database: each variable arrives where it counts, the password shows nowhere."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from sync.office.config.database import DatabaseConfig
from sync.office.config.tree import READER
from sync.office.database import PostgreSQLSettings, SQLiteSettings, open_database
from sync.office.storage import database_settings
from tests.sync.office.postgres import Server
from tests.sync.office.test_config import PASSWORD, POSTGRESQL, SOCKET


def configured(**changes: object) -> DatabaseConfig:
    fields: dict[str, object] = {
        "engine": "postgresql",
        "host": "db.example",
        "name": "office",
        "user": "clock",
        "password": SecretStr("hunter2hunter2"),
        "port": 6432,
        "conn_max_age_s": 90,
        "sslrootcert": "/etc/ssl/db.pem",
    }
    return DatabaseConfig.model_validate(fields | changes)


def test_sqlite_is_the_file_that_is_configured() -> None:
    settings = database_settings(DatabaseConfig(path=Path("/srv/office.db")))
    assert settings == SQLiteSettings(Path("/srv/office.db"))


def test_every_variable_arrives() -> None:
    settings = database_settings(configured())
    assert settings == PostgreSQLSettings(
        host="db.example",
        name="office",
        user="clock",
        password="hunter2hunter2",
        port=6432,
        ca_file=Path("/etc/ssl/db.pem"),
        conn_max_age_s=90,
    )
    assert "hunter2" not in repr(settings)


def test_no_age_at_all_stays_none_at_all() -> None:
    settings = database_settings(configured(conn_max_age_s=0, sslrootcert="system"))
    assert isinstance(settings, PostgreSQLSettings)
    assert (settings.conn_max_age_s, settings.ca_file) == (0, "system")


@pytest.mark.parametrize("over_socket", [False, True])
def test_a_server_is_reached_as_configured(postgres: Server, *, over_socket: bool) -> None:
    changes: dict[str, object] = {"host": "localhost", "sslrootcert": str(postgres.folder / "ca.pem")}
    if over_socket:
        changes = {"host": str(postgres.folder), "sslrootcert": ""}
    with postgres.database() as name:
        config = configured(
            name=name, user="admin", password=SecretStr(postgres.password), port=postgres.port, **changes
        )
        database = open_database(database_settings(config))
        database.upgrade()
        database.demand_current()
        database.close()


def test_a_server_is_what_its_variables_say() -> None:
    settings = database_settings(READER.load(None, POSTGRESQL).config.database)
    assert isinstance(settings, PostgreSQLSettings)
    assert (settings.host, settings.name, settings.user) == ("db.example.com", "clockface", "clockface")
    assert (settings.port, settings.conn_max_age_s, settings.ca_file) == (5432, 600, "system")
    assert settings.password == PASSWORD
    assert PASSWORD not in repr(settings)


def test_a_unix_socket_has_no_authority_and_perhaps_no_password() -> None:
    settings = database_settings(READER.load(None, SOCKET).config.database)
    assert isinstance(settings, PostgreSQLSettings)
    assert settings.over_socket
    assert (settings.password, settings.ca_file) == ("", None)
