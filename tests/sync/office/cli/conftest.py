"""An office with its people, on each engine."""

import pytest

from sync.office.database import Database, DatabaseSettings
from tests.sync.office.cli.office import Office, with_operators


@pytest.fixture
def office(
    office_settings: DatabaseSettings, office_database: Database, monkeypatch: pytest.MonkeyPatch
) -> Office:
    """The command on a migrated database, with an account of each role; ana, the administrator, types."""
    with_operators(office_database)
    made = Office(office_settings, monkeypatch)
    made.become("ana")
    return made
