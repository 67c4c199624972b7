"""What the configuration says becomes the settings of a database, whole and unchanged."""

from pathlib import Path

from sync.office.config.tree import READER
from sync.office.database.settings import PostgreSQLSettings, SQLiteSettings, settings_of
from tests.sync.office.test_config import LEAST, PASSWORD, POSTGRESQL, SOCKET


def test_sqlite_is_a_path() -> None:
    config = READER.load(None, {**LEAST, "CLOCKFACE_OFFICE_DATABASE__PATH": "/d/office.db"}).config
    assert settings_of(config.database) == SQLiteSettings(path=Path("/d/office.db"))


def test_a_server_is_what_its_variables_say() -> None:
    settings = settings_of(READER.load(None, POSTGRESQL).config.database)
    assert isinstance(settings, PostgreSQLSettings)
    assert (settings.host, settings.name, settings.user) == ("db.example.com", "clockface", "clockface")
    assert (settings.port, settings.conn_max_age_s, settings.ca_file) == (5432, 600, "system")
    assert settings.password == PASSWORD
    assert PASSWORD not in repr(settings)


def test_the_authorities_may_be_a_file() -> None:
    environment = {**POSTGRESQL, "CLOCKFACE_OFFICE_DATABASE__SSLROOTCERT": "/c/ca.crt"}
    settings = settings_of(READER.load(None, environment).config.database)
    assert isinstance(settings, PostgreSQLSettings)
    assert settings.ca_file == Path("/c/ca.crt")


def test_a_unix_socket_has_no_authority_and_perhaps_no_password() -> None:
    settings = settings_of(READER.load(None, SOCKET).config.database)
    assert isinstance(settings, PostgreSQLSettings)
    assert settings.over_socket
    assert (settings.password, settings.ca_file) == ("", None)
