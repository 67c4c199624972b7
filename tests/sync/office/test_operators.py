from pathlib import Path

import pytest

from sync.office import audit, operators
from sync.office.database import Database
from sync.office.errors import RoleMissing
from sync.office.operators import Role


def _grant(database: Database, account: str, role: Role) -> None:
    with database.write() as connection:
        operators.grant(connection, account, role, by="root", at_us=1)


def test_a_role_may_all_that_lower_ones_may(office_database: Database) -> None:
    _grant(office_database, "ana", Role.ADMINISTRATOR)
    _grant(office_database, "ben", Role.CLERK)
    with office_database.read() as connection:
        assert operators.require(connection, "ben", Role.VIEWER).role is Role.CLERK
        with pytest.raises(RoleMissing, match="needs the role administrator; ben has the role clerk"):
            operators.require(connection, "ben", Role.ADMINISTRATOR)
        with pytest.raises(RoleMissing, match="eve has no role"):
            operators.require(connection, "eve", Role.VIEWER)


def test_the_last_administrator_stays(office_database: Database) -> None:
    _grant(office_database, "ana", Role.ADMINISTRATOR)
    for act in (
        lambda connection: operators.withdraw(connection, "ana", by="ana", at_us=2),
        lambda connection: operators.grant(connection, "ana", Role.VIEWER, by="ana", at_us=2),
    ):
        with (
            office_database.write() as connection,
            pytest.raises(RoleMissing, match="without an administrator"),
        ):
            act(connection)


def test_a_withdrawn_role_is_gone_and_both_acts_are_in_the_audit(office_database: Database) -> None:
    _grant(office_database, "ana", Role.ADMINISTRATOR)
    _grant(office_database, "ben", Role.VIEWER)
    with office_database.write() as connection:
        assert operators.withdraw(connection, "ben", by="ana", at_us=3)
        assert not operators.withdraw(connection, "ben", by="ana", at_us=4)
        assert [each.account for each in operators.listed(connection)] == ["ana"]
        actions = [(each.action, each.subject) for each in audit.entries(connection)]
    assert actions[-2:] == [("operator.granted", "ben"), ("operator.withdrawn", "ben")]


def test_the_account_is_who_logged_in_also_through_sudo(tmp_path: Path) -> None:
    login = tmp_path / "loginuid"
    login.write_text("0")
    assert operators.account_of(login, uid=65534) == "root"
    login.write_text(str(2**32 - 1))
    assert operators.account_of(login, uid=0) == "root"
    assert operators.account_of(tmp_path / "missing", uid=4_000_000) == "uid:4000000"
