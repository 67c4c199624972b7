"""A release is installed when it may be, kept when it is well, taken back when not; no record is given up."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.config.device import UpdateConfig
from edge.errors import ReleaseRefused, UpdateError, UpdateStuck, UpdateUndone
from edge.update.engine import Place, Updater, forget_copies, head_of
from edge.update.plan import Head, Start
from edge.update.release import FILE, Release, package_of, signed
from tests.edge.update.machine import NEW, OLD, FakeMachine, ledger

NIGHT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Site:
    """A device with a release in its incoming folder."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        ledger(self.state)
        self.place = Place(folder / "update")
        for each in (self.place.folder, self.place.incoming, self.place.kept):
            each.mkdir()
        (self.place.kept / f"clockface_{OLD}_amd64.deb").write_bytes(b"old")
        self.machine = FakeMachine(self.state)
        self.key = Ed25519PrivateKey.generate()
        self.release_key = folder / "release.pub"
        self.release_key.write_bytes(
            self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        self.now, self.package = NIGHT, self.place.incoming / f"clockface_{NEW}_amd64.deb"
        self.package.write_bytes(b"new")
        self.stage(self.key)

    def stage(self, key: Ed25519PrivateKey) -> None:
        release = Release(
            version="0.2.0", released_on="2026-11-22", packages=[package_of(self.package, python="3.11")]
        )
        (self.place.incoming / FILE).write_bytes(signed(release, key=key))

    def run(self, *, at_once: bool = False) -> Start:
        updater = Updater(
            self.place,
            state=self.state,
            config=UpdateConfig(release_key=self.release_key),
            system=self.machine,
            now=lambda: self.now,
            pause=lambda _s: None,
            elapsed_s=count(step=10.0).__next__,
        )
        return updater.run(at_once=at_once)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_signed_release_is_installed_at_night_and_becomes_the_way_back(site: Site) -> None:
    assert site.run() is Start.NOW
    assert site.machine.version == NEW
    assert list(site.place.incoming.iterdir()) == []
    assert {each.name for each in site.place.kept.iterdir()} == {f"clockface_{v}_amd64.deb" for v in (OLD, NEW)}
    assert not site.place.journal.exists()
    assert '"installed"' in site.place.result.read_text()


def test_by_day_it_waits_unless_told(site: Site) -> None:
    site.now = NOON
    assert site.run() is Start.OUTSIDE_HOURS
    assert site.machine.did == []
    assert site.run(at_once=True) is Start.NOW


def test_it_waits_while_somebody_stands_there(site: Site) -> None:
    site.machine.faces = ["a face", "another face"]
    assert site.run() is Start.SOMEBODY_THERE
    assert site.machine.did == []


def _other_key(site: Site) -> None:
    site.stage(Ed25519PrivateKey.generate())


def _other_package(site: Site) -> None:
    site.package.write_bytes(b"NEW")


def _no_key(site: Site) -> None:
    site.release_key.unlink()


def _other_type(site: Site) -> None:
    text = (site.place.incoming / FILE).read_bytes()
    (site.place.incoming / FILE).write_bytes(text.replace(b"release+json", b"command+json"))


@pytest.mark.parametrize("harm", [_other_key, _other_package, _no_key, _other_type])
def test_what_the_release_key_did_not_sign_is_not_installed(site: Site, harm: Callable[[Site], None]) -> None:
    harm(site)
    with pytest.raises(ReleaseRefused):
        site.run(at_once=True)
    assert site.machine.did == []
    assert not (site.place.kept / site.package.name).exists()


def test_an_older_release_is_not_installed_even_if_told(site: Site) -> None:
    site.machine.version = "0.3.0+py311"
    assert site.run(at_once=True) is Start.NOT_NEWER


def test_without_the_package_that_runs_there_is_no_way_back_and_no_update(site: Site) -> None:
    (site.place.kept / f"clockface_{OLD}_amd64.deb").unlink()
    with pytest.raises(UpdateError, match="no way back"):
        site.run()
    assert site.machine.did == []


def test_a_version_that_does_not_become_ready_is_taken_back_and_not_tried_again(site: Site) -> None:
    site.machine.sick = {NEW}
    with pytest.raises(UpdateUndone):
        site.run()
    assert (site.machine.version, site.machine.up) == (OLD, True)
    assert site.run() is Start.FAILED_BEFORE
    assert '"undone"' in site.place.result.read_text()


def test_a_version_under_which_another_check_fails_is_taken_back(site: Site) -> None:
    site.machine.new_failures = {NEW: {"camera"}}
    with pytest.raises(UpdateUndone):
        site.run()
    assert site.machine.version == OLD


def test_a_migrated_ledger_goes_back_to_its_copy_where_nothing_was_recorded(site: Site) -> None:
    site.machine.sick, site.machine.migrates_to = {NEW}, {NEW: 6}
    with pytest.raises(UpdateUndone):
        site.run()
    assert head_of(site.state) == Head(schema=5, position=3)
    assert sqlite3.connect(site.state / "after-upgrade.db").execute("PRAGMA user_version").fetchone() == (6,)


def test_records_of_the_sick_version_are_kept_where_the_old_one_can_read_them(site: Site) -> None:
    site.machine.sick, site.machine.records = {NEW}, {NEW}
    with pytest.raises(UpdateUndone):
        site.run()
    assert site.machine.version == OLD
    assert head_of(site.state) == Head(schema=5, position=4)


def test_a_record_in_a_migrated_ledger_is_not_given_up_for_going_back(site: Site) -> None:
    site.machine.sick, site.machine.migrates_to, site.machine.records = {NEW}, {NEW: 6}, {NEW}
    with pytest.raises(UpdateStuck):
        site.run()
    assert (site.machine.version, site.machine.up) == (NEW, True)
    assert head_of(site.state) == Head(schema=6, position=4)


def test_copies_of_the_ledger_are_gone_after_a_day_so_that_an_erased_person_is(site: Site) -> None:
    copy = site.state / "before-upgrade.db"
    copy.write_bytes(b"somebody")
    forget_copies(site.state, now_s=copy.stat().st_mtime + 3600)
    assert copy.exists()
    forget_copies(site.state, now_s=copy.stat().st_mtime + 86401)
    assert not copy.exists()


def test_a_power_cut_in_the_middle_is_followed_by_the_same_decision(site: Site) -> None:
    site.machine.sick, site.machine.dies_during_install = {NEW}, True
    with pytest.raises(KeyboardInterrupt):
        site.run()
    assert site.place.journal.exists()
    with pytest.raises(UpdateUndone):
        site.run()
    assert site.machine.version == OLD
    assert "recover" in site.machine.did
