"""`keys`: an administrator takes the office's own keys through a rotation, and no other."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, update

from clockface.errors import SecretMissing
from sync.office.database import Database, schema
from sync.office.errors import RoleMissing, RotationRefused
from sync.office.keys import make_key, read_signing_key
from sync.wire.envelope import signing_key_id
from tests.sync.office.cli.office import HOSTILE, Office
from tests.sync.office.kiosk import Kiosk


@pytest.fixture
def online(office: Office, office_database: Database, tmp_path: Path) -> Path:
    """The online key's file; a kiosk is registered and has said nothing."""
    with office_database.write() as connection:
        Kiosk().register(connection)
    path = tmp_path / "keys" / "online_key"
    make_key(path, Ed25519PrivateKey.generate())
    office.more["CLOCKFACE_OFFICE_PATHS__STATE"] = str(tmp_path)
    return path


def id_in(path: Path) -> str:
    return signing_key_id(read_signing_key(path).public_key())


def believes(database: Database, *key_ids: str) -> None:
    """The kiosk's telemetry, as it is stored once its signature held."""
    table = schema.device_health
    told = {"telemetry": json.dumps({"edge": {"office_keys": list(key_ids)}, "courier": {}})}
    with database.write() as connection:
        if not connection.execute(update(table).where(table.c.device_id == 1).values(told)).rowcount:
            connection.execute(insert(table).values(told | {"device_id": 1}))


def rows(office: Office) -> list[tuple[Any, ...]]:
    return [(row["key"], row["state"], row["believed_by"]) for row in office.rows("keys", "status")]


def test_a_rotation_goes_by_three_commands_each_of_which_waits_for_the_kiosks(
    office: Office, office_database: Database, online: Path
) -> None:
    before = id_in(online)
    said = office.said("keys", "stage", "online")
    assert "where the operator's key is: clockface-office keys approve online" in said
    following = id_in(online.with_name("online_key.next"))
    assert " ".join(following[at : at + 4] for at in range(0, 32, 4)) in said
    assert "already; it was kept" in office.said("keys", "stage", "online")
    assert rows(office) == [("online", "present", "0 of 1"), ("online", "next", "0 of 1")]
    assert isinstance(office.run("keys", "switch", "online").exception, RotationRefused)
    assert id_in(online) == before
    believes(office_database, before, following)
    office.said("keys", "switch", "online")
    assert (id_in(online), id_in(online.with_name("online_key.previous"))) == (following, before)
    assert isinstance(office.run("keys", "switch", "online").exception, RotationRefused)
    assert isinstance(office.run("keys", "stage", "online").exception, RotationRefused)
    office.said("keys", "drop", "online")
    assert [path.name for path in online.parent.iterdir()] == ["online_key"]
    assert rows(office) == [("online", "retired", "1 of 1"), ("online", "present", "1 of 1")]


def test_a_switch_that_was_cut_off_after_its_files_is_finished(
    office: Office, office_database: Database, online: Path
) -> None:
    office.said("keys", "stage", "online")
    following = id_in(online.with_name("online_key.next"))
    believes(office_database, id_in(online), following)
    os.link(online, online.with_name("online_key.previous"))
    online.with_name("online_key.next").replace(online)
    office.said("keys", "switch", "online")
    assert (id_in(online), rows(office)[1][1]) == (following, "present")


def test_a_kiosk_can_be_left_behind_by_name_only(
    office: Office, office_database: Database, online: Path
) -> None:
    office.said("keys", "stage", "online")
    refused = office.run("keys", "switch", "online", "--without", "mill/dock").exception
    assert isinstance(refused, RotationRefused)
    assert "mill/gate" in str(refused)
    office.said("keys", "switch", "online", "--without", "mill/gate")
    told = office.said("keys", "drop", "online", "--without", "mill/gate")
    assert "Left behind: mill/gate" in told


def test_only_an_administrator_takes_a_step(office: Office, online: Path) -> None:
    office.become("carl")
    for step in ("stage", "switch", "drop"):
        assert isinstance(office.run("keys", step, "online").exception, RoleMissing)
    assert [path.name for path in online.parent.iterdir()] == ["online_key"]
    office.become("ana")
    assert isinstance(office.run("keys", "stage", "operator").exception, RotationRefused), "none is named here"
    assert office.run("keys", "stage", HOSTILE).exit_code == 2
    online.unlink()
    assert isinstance(office.run("keys", "stage", "online").exception, SecretMissing)


def test_the_operators_key_signs_each_set_where_it_is(
    office: Office, office_database: Database, online: Path
) -> None:
    path = online.with_name("operator_key")
    make_key(path, Ed25519PrivateKey.generate())
    before = id_in(path)
    assert isinstance(office.run("keys", "approve", "online", "--yes").exception, SecretMissing), "none here"
    office.more["CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"] = str(path)
    assert "The signer tells the kiosks" in office.said("keys", "stage", "operator")
    following = id_in(path.with_name("operator_key.next"))
    believes(office_database, before, following)
    office.said("keys", "switch", "operator")
    office.said("keys", "drop", "operator")
    office.said("keys", "stage", "online")
    office.said("keys", "approve", "online", "--yes")
    acts = [row["detail"] for row in office.rows("audit", "list") if row["action"] == "key.approved"]
    assert acts[:3] == [
        f"operator:{before[:12]}+{following[:12]}",
        f"operator:{following[:12]}+{before[:12]}",
        f"operator:{following[:12]}",
    ]
    assert len(acts) == 5
    assert sorted(each.name for each in online.parent.iterdir()) == [
        "online_key",
        "online_key.next",
        "operator_key",
    ]
