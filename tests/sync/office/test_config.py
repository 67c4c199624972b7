"""The office's settings: PostgreSQL only completely and verified, no password shown, nothing idle accepted."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sync.office.config.database import DatabaseConfig
from sync.office.config.tree import READER

LEAST = {"CLOCKFACE_OFFICE_BROKER__ADDRESSES": '["mqtt.example.com"]'}
PASSWORD = "cAnArY-s3cret"
SERVER = {
    "OFFICE_DB_HOST": "db.example.com",
    "OFFICE_DB_NAME": "clockface",
    "OFFICE_DB_USER": "clockface",
    "OFFICE_DB_PASSWORD": PASSWORD,
    "OFFICE_DB_PORT": "5432",
    "OFFICE_DB_CONN_MAX_AGE": "600",
}
POSTGRESQL = {
    **LEAST,
    **SERVER,
    "CLOCKFACE_OFFICE_DATABASE__ENGINE": "postgresql",
    "CLOCKFACE_OFFICE_DATABASE__SSLROOTCERT": "system",
}
SOCKET = {
    name: "/run/postgresql" if name == "OFFICE_DB_HOST" else value
    for name, value in POSTGRESQL.items()
    if name not in {"OFFICE_DB_PASSWORD", "CLOCKFACE_OFFICE_DATABASE__SSLROOTCERT"}
}


def refused(environment: dict[str, str], path: Path | None = None) -> str:
    loaded, problems = READER.examine(path, environment)
    assert loaded is None
    return "\n".join(str(problem) for problem in problems)


def test_a_broker_s_address_is_all_that_must_be_given() -> None:
    config = READER.load(None, LEAST).config
    assert config.database.engine == "sqlite"
    assert config.metrics.host == "127.0.0.1"
    assert config.paths.online_key == Path("/var/lib/clockface-office/keys/online_key")
    assert config.paths.tls_files.certificate == Path("/etc/clockface/tls/office.crt")
    assert "must be given" in refused({})


def test_the_variables_of_postgresql_are_read_with_their_types() -> None:
    loaded = READER.load(None, POSTGRESQL)
    database = loaded.config.database
    assert (database.host, database.port, database.conn_max_age_s) == ("db.example.com", 5432, 600)
    assert database.password is not None
    assert database.password.get_secret_value() == PASSWORD
    assert loaded.provenance["database.password"] == "OFFICE_DB_PASSWORD"


@pytest.mark.parametrize("name", SERVER)
@pytest.mark.parametrize("value", [None, ""])
def test_each_of_them_must_be_given_and_has_no_silent_default(name: str, value: str | None) -> None:
    environment = {key: text for key, text in POSTGRESQL.items() if key != name}
    text = refused(environment if value is None else {**environment, name: value})
    assert f'engine = "postgresql" needs {name}:' in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("OFFICE_DB_PORT", value) for value in ("0", "65536", "-1", "5432.5", "x", "true", '"1"', "1" * 999)),
        *(("OFFICE_DB_CONN_MAX_AGE", value) for value in ("-1", "604801", "10m", "nan", "None")),
        *(
            ("OFFICE_DB_HOST", value)
            for value in (
                "postgresql://db", "db:5432", "db example", "user@db", "db/clockface", "db,evil", "@abstract",
                "/run/x,evil.example", "/run/../x y", "db?sslmode=disable", "/" + "r" * 90, "\u200bdb",
            )
        ),
        *(("OFFICE_DB_NAME", value) for value in ("a=b", "postgresql://x/y", "a b", "host=evil", "x" * 64)),
        *(("OFFICE_DB_USER", value) for value in ("a b", "a'b", "a=b", "-x")),
        ("OFFICE_DB_PASSWORD", "a\nb"),
        ("OFFICE_DB_PASSWORD", "x" * 1025),
    ],
)  # fmt: skip
def test_a_value_that_is_not_what_it_should_be_is_refused_under_its_variable(name: str, value: str) -> None:
    text = refused({**POSTGRESQL, name: value})
    assert name in text
    assert PASSWORD not in text


@pytest.mark.parametrize("name", ["OFFICE_DB_SSLMODE", "OFFICE_DB_OPTIONS", "CLOCKFACE_OFFICE_DATABASE__HOST"])
def test_there_is_no_variable_beside_these(name: str) -> None:
    assert f"{name}: no such setting" in refused({**POSTGRESQL, name: "disable"})


def test_with_sqlite_none_of_them_is_taken_for_granted() -> None:
    text = refused({**LEAST, **SERVER})
    assert "OFFICE_DB_HOST, OFFICE_DB_NAME" in text
    assert 'change nothing with engine = "sqlite"' in text
    assert PASSWORD not in text


def test_over_the_network_the_server_s_authority_must_be_named() -> None:
    environment = {key: text for key, text in POSTGRESQL.items() if not key.endswith("SSLROOTCERT")}
    assert "needs sslrootcert" in refused(environment)
    assert "absolute path" in refused({**POSTGRESQL, "CLOCKFACE_OFFICE_DATABASE__SSLROOTCERT": "ca.crt"})


def test_a_unix_socket_needs_neither_password_nor_authority() -> None:
    database = READER.load(None, SOCKET).config.database
    assert database.over_socket
    assert database.password is None
    assert "changes nothing" in refused({**SOCKET, "CLOCKFACE_OFFICE_DATABASE__SSLROOTCERT": "system"})


def test_a_file_may_not_hold_what_a_variable_gives(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    path.write_text(f'[database]\nengine = "postgresql"\npassword = "{PASSWORD}"\n')
    text = refused(LEAST, path)
    assert f"{path}:3: database.password: is given by the variable OFFICE_DB_PASSWORD only" in text
    assert PASSWORD not in text


def test_no_printed_form_of_the_configuration_shows_a_password() -> None:
    environment = {
        **POSTGRESQL,
        "CLOCKFACE_OFFICE_ALERTS__WEBHOOK__URL": f"https://hooks.example.com/{PASSWORD}",
    }
    loaded = READER.load(None, environment)
    for text in (repr(loaded), str(loaded.config), json.dumps(loaded.config.model_dump(mode="json"))):
        assert "hooks.example.com" not in text
        assert PASSWORD not in text


def test_an_error_of_the_model_itself_shows_none_either() -> None:
    with pytest.raises(ValidationError) as caught:
        DatabaseConfig.model_validate({"engine": "sqlite", "password": PASSWORD})
    assert PASSWORD not in str(caught.value)


@given(st.dictionaries(st.sampled_from(sorted(SERVER)), st.text(max_size=30)))
def test_any_environment_gives_a_complete_server_or_problems(given_variables: dict[str, str]) -> None:
    loaded, problems = READER.examine(None, {**POSTGRESQL, **given_variables})
    if loaded is None:
        assert problems
        return
    database = loaded.config.database
    assert None not in (database.host, database.name, database.user, database.port, database.conn_max_age_s)
    assert database.over_socket or database.password is not None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("metrics.host", "localhost"),
        ("metrics.port", "65536"),
        ("receiver.share_group", "a/b"),
        ("receiver.share_group", "A"),
        ("receiver.share_group", "office"),  # guessable
        ("alerts.webhook.url", "http://hooks.example.com/x"),
        ("alerts.webhook.url", "https://user:pw@hooks.example.com/x"),
        ("alerts.webhook.url", "https://hooks.example.com:99999/x"),
        ("alerts.webhook.url", "https:///x"),
        ("alerts.email.sender", "nobody"),
        ("alerts.email.recipients", '["a@b.example\\nBcc: c@d.example"]'),
        ("alerts.email.host", "smtp.example.com"),
        ("alerts.email.security", "none"),
    ],
)
def test_what_would_not_be_safe_or_complete_is_refused(key: str, text: str) -> None:
    assert READER.variable_name(key) in refused({**LEAST, READER.variable_name(key): text})


def test_mail_is_configured_completely() -> None:
    config = READER.load(
        None,
        {
            **LEAST,
            "CLOCKFACE_OFFICE_ALERTS__EMAIL__HOST": "smtp.example.com",
            "CLOCKFACE_OFFICE_ALERTS__EMAIL__SENDER": "clockface@example.com",
            "CLOCKFACE_OFFICE_ALERTS__EMAIL__RECIPIENTS": '["ops@example.com"]',
        },
    ).config
    assert config.alerts.email.recipients == ("ops@example.com",)
    assert config.alerts.email.security == "starttls"


def test_sites_are_tables_with_zone_and_holidays(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    site = '[[office.sites]]\nname = "madrid-1"\ntimezone = "Europe/Madrid"\nholidays = [2026-12-25]\n'
    path.write_text(site)
    (madrid,) = READER.load(path, LEAST).config.office.sites
    assert (madrid.name, madrid.holidays[0].isoformat()) == ("madrid-1", "2026-12-25")
    path.write_text(site * 2)
    assert "a site is listed twice" in refused(LEAST, path)
    path.write_text(site.replace("Europe/Madrid", "Mars/Base"))
    assert f"{path}:3: office.sites[0].timezone" in refused(LEAST, path)
