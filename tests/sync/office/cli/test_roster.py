"""`roster`: who may change it, what it prints, and that no name or number reaches the audit."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from sync.office import audit
from sync.office.database import Database, schema
from sync.office.errors import ImportRefused, RoleMissing, RosterRefused
from sync.office.keys import make_key
from tests.sync.office.cli.office import HOSTILE, Office
from tests.sync.office.device import Device
from tests.sync.office.people import registered

KEY = Ed25519PrivateKey.generate()
ADD = ("roster", "add", "--number", "4711", "--name", "Zoe Quill", "--site", "mill")


@pytest.fixture
def gate(office: Office, office_database: Database, tmp_path: Path) -> Device:
    made = Device(operator=KEY.public_key())
    registered(office_database, made)
    path = tmp_path / "operator" / "key"
    make_key(path, KEY)
    office.more["CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"] = str(path)
    office.become("carl")
    return made


def test_a_clerk_adds_changes_pushes_and_erases_and_the_audit_says_so_without_a_name(
    office: Office, office_database: Database, gate: Device
) -> None:
    person = office.said(*ADD).strip()
    office.said("roster", "change", "4711", "--department", "Packing", "--disable")
    [row] = office.rows("roster", "list", "--site", "mill")
    assert (row["number"], row["name"], row["department"], row["enabled"]) == (
        "4711",
        "Zoe Quill",
        "Packing",
        False,
    )
    assert "mill/gate: 1 documents, version 0 to 2" in office.said("roster", "push")
    assert "nothing to sign" in office.said("roster", "push", "--device", "gate")
    [status] = office.rows("roster", "status")
    assert (status["applied"], status["version"], status["unanswered"]) == (0, 2, 1)
    assert "ordered at: mill" in office.said("roster", "delete", "4711", "--yes")
    [status] = office.rows("roster", "status")
    assert status["receipts_missing"] == 1
    with office_database.read() as connection:
        entries = list(audit.entries(connection))
        assert {
            "roster.added",
            "roster.changed",
            "roster.signed",
            "roster.listed",
            "roster.deleted",
        } <= {each.action for each in entries}
        written = " ".join(f"{each.subject} {each.detail}" for each in entries)
        assert person in written
        assert not any(word in written for word in ("Zoe", "Quill", "4711", "Packing"))
        assert audit.verify(connection).broken_at is None


def test_a_viewer_reads_and_changes_nothing(office: Office, office_database: Database, gate: Device) -> None:
    office.said(*ADD)
    office.become("vera")
    assert office.rows("roster", "list")
    for act in (ADD, ("roster", "delete", "4711", "--yes"), ("roster", "push"), ("roster", "change", "4711")):
        assert isinstance(office.run(*act).exception, RoleMissing), act
    with office_database.read() as connection:
        assert len(connection.execute(select(schema.people)).all()) == 1


def test_a_number_is_one_persons_and_a_text_that_no_kiosk_takes_is_refused(
    office: Office, gate: Device
) -> None:
    office.said(*ADD)
    taken = office.run(*ADD)
    assert isinstance(taken.exception, RosterRefused)
    assert "4711" not in str(taken.exception)
    hostile = office.run("roster", "add", "--number", "1", "--name", HOSTILE, "--site", "mill")
    assert (hostile.exit_code, "characters that no kiosk takes: name" in hostile.output) == (2, True)
    assert isinstance(office.run("roster", "change", "nobody", "--disable").exception, RosterRefused)
    assert isinstance(office.run("roster", "change", "4711", "--site", "moon").exception, RosterRefused)


def test_a_file_is_imported_whole_or_not_at_all(office: Office, gate: Device, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("number,name,department\n1,Ann,'=Packing\n2,Ben,\n", encoding="utf-8")
    office.said("roster", "import", str(file), "--site", "mill", "--check")
    assert office.said("roster", "list") == "nobody is on the roster\n"
    assert (
        office.said("roster", "import", str(file), "--site", "mill") == "added: 2, changed: 0, as they are: 0\n"
    )
    assert (
        office.said("roster", "import", str(file), "--site", "mill") == "added: 0, changed: 0, as they are: 2\n"
    )
    assert [row["department"] for row in office.rows("roster", "list")] == ["=Packing", None]
    file.write_text("number,name\n3,Cem\n3,Dan\n4,\n5,Eve,more\n6,Fay\x00\n", encoding="utf-8")
    refused = office.run("roster", "import", str(file), "--site", "mill").exception
    assert isinstance(refused, ImportRefused)
    for mistake in ("line 3: the number stands in line 2", "line 4: name", "line 5: 3 columns"):
        assert mistake in str(refused)
    assert "line 6" in str(refused)
    assert "Cem" not in str(refused)
    assert len(office.rows("roster", "list")) == 2
    missing = office.run("roster", "import", str(tmp_path / "absent.csv"), "--site", "mill").exception
    assert isinstance(missing, ImportRefused)
    assert "cannot be read: No such file" in str(missing)


def test_without_the_operators_key_nothing_is_signed(office: Office, gate: Device) -> None:
    office.said(*ADD)
    del office.more["CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"]
    done = office.run("roster", "push")
    assert getattr(done.exception, "exit_code", None) == 51
