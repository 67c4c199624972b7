"""Commands are done once, in order and in time, survive a restart, and each gets a signed answer."""

import json
import secrets
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from clockface.masking import masked
from edge.config.tree import Config
from edge.configuration import OFFICE_MAY, READER
from edge.daemon.bulletin import LOOK_S, Bulletin
from edge.daemon.deliveries import Outcome, Reason, Refused, Taken
from edge.daemon.orders import OrderDesk
from edge.daemon.support import Bundle
from edge.errors import LedgerDiskFull
from edge.store.officesettings import ConfigSource
from edge.types.announcements import Announcement, Notice
from edge.types.clock import ClockTrust
from edge.types.people import Profile
from sync.wire.commands import (
    Command,
    Configure,
    Identify,
    InService,
    Order,
    OutOfService,
    Restart,
    Result,
    SendSupportBundle,
    ShowMessage,
    TrustKeys,
)
from sync.wire.fields import format_time
from sync.wire.parcels import SupportParcel
from sync.wire.sealing import from_text, unseal
from tests.edge.daemon.central import Central, open_device, raw_public, result_of
from tests.fakes import FIRST_INSTANT

NOW = FIRST_INSTANT.wall


class Kiosk:
    """A device with its desk for commands, and a screen that notes what it is told."""

    def __init__(self, folder: Path, central: Central | None = None, environment: dict[str, str] | None = None):
        self.folder, self.central = folder, central or Central()
        self.device = open_device(folder)
        self.store, self.clock = self.device.store, self.device.clock
        if central is None:
            self.central.install(self.store, self.clock)
        self.said: list[Announcement] = []
        self.restarts = 0
        self.contents: dict[str, object] = {}
        self.bulletin = Bulletin(store=self.store, clock=self.clock, announcer=self)
        self.bulletin.reload()
        self.source = ConfigSource(None, environment or {"CLOCKFACE_PATHS__STATE": str(folder)}, folder)
        self.desk = OrderDesk(
            store=self.store,
            address=self.device.address,
            clock=self.clock,
            bulletin=self.bulletin,
            source=self.source,
            restart=self._restart,
            bundle=Bundle(
                store=self.store,
                address=self.device.address,
                clock=self.clock,
                contents={"contents": lambda: self.contents, "broken": self._broken},
            ),
        )

    def announce(self, announcement: Announcement) -> None:
        self.said.append(announcement)

    def _restart(self) -> None:
        self.restarts += 1

    def _broken(self) -> object:
        raise LedgerDiskFull("Ada Lovelace's disk")

    def raw(self, order: Order, **more: object) -> bytes:
        given: dict[str, object] = {"issued": self.clock.now().wall, **more}
        return self.central.command(self.device.address, order, **given)  # type: ignore[arg-type]

    def order(self, order: Order, **more: object) -> Result:
        return self.answer(self.desk.take(self.raw(order, **more)))

    def answer(self, taken: Taken) -> Result:
        return result_of(self.store, taken.result)

    def again(self) -> "Kiosk":
        """The same device after a restart."""
        self.store.close()
        return Kiosk(self.folder, self.central)


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    made = Kiosk(tmp_path / "device")
    yield made
    made.store.close()


def test_a_kiosk_taken_out_of_service_says_so_and_stays_so_over_a_restart(kiosk: Kiosk) -> None:
    assert kiosk.bulletin.closed() is None
    assert kiosk.order(OutOfService(reason="lens broken")).outcome == "done"
    assert kiosk.bulletin.closed() == "office"
    restarted = kiosk.again()
    assert restarted.bulletin.closed() == "office"
    assert restarted.order(InService()).outcome == "done"
    assert restarted.bulletin.closed() is None
    assert restarted.order(InService()).detail == "it was in service"
    restarted.store.close()


def test_restart_and_identify_happen_once_however_often_the_command_comes(kiosk: Kiosk) -> None:
    restart, identify = kiosk.raw(Restart()), kiosk.raw(Identify(seconds=45))
    taken = [kiosk.desk.take(raw) for raw in (restart, identify, restart, identify)]
    assert [each.outcome for each in taken] == [Outcome.APPLIED] * 2 + [Outcome.REPEATED] * 2
    assert taken[2].result == taken[0].result
    assert kiosk.restarts == 1
    assert kiosk.said == [Announcement(Notice.IDENTIFY, seconds=45)]


def test_a_number_is_used_once_and_never_behind_a_later_one(kiosk: Kiosk) -> None:
    assert kiosk.order(OutOfService(), number=5).outcome == "done"
    for number in (5, 4, 1):
        assert kiosk.order(InService(), number=number).outcome == "stale"
    assert kiosk.bulletin.closed() == "office"
    restarted = kiosk.again()
    assert restarted.order(InService(), number=5).outcome == "stale"
    assert restarted.order(InService(), number=6).outcome == "done"
    restarted.store.close()


def test_only_an_operators_command_for_this_device_is_taken_and_strangers_get_no_answer(kiosk: Kiosk) -> None:
    with pytest.raises(Refused) as forged:
        kiosk.desk.take(kiosk.raw(Restart(), signer=Ed25519PrivateKey.generate()))
    assert forged.value.reason is Reason.FORGED
    elsewhere = kiosk.central.command(type(kiosk.device.address)("site", "other"), Restart(), issued=NOW)
    with pytest.raises(Refused) as other:
        kiosk.desk.take(elsewhere)
    assert other.value.reason is Reason.OTHER_DEVICE
    assert kiosk.restarts == 0


def test_a_command_that_has_expired_is_refused(kiosk: Kiosk) -> None:
    raw = kiosk.raw(Restart(), life=timedelta(minutes=5))
    kiosk.clock.advance(600)
    assert kiosk.answer(kiosk.desk.take(raw)).outcome == "expired"
    assert kiosk.restarts == 0


@pytest.mark.parametrize(
    ("issued_h", "life_h", "outcome", "reason"),
    [
        (-48, 480, "refused", "clock_untrusted"),  # held back from before: perhaps for weeks
        (-48, 24, "expired", "expired"),  # over before the last time that was known
        (1, 24, "done", None),
        (23, 24, "done", None),
        (30, 24, "refused", "clock_untrusted"),
    ],
)
def test_an_unset_clock_takes_only_what_was_issued_around_the_last_known_time(
    kiosk: Kiosk, issued_h: int, life_h: int, outcome: str, reason: str | None
) -> None:
    kiosk.store.clock.mark(kiosk.clock.now())
    kiosk.clock.reboot(wall=NOW + timedelta(days=2))
    kiosk.clock.trust(ClockTrust.UNSYNCHRONISED)
    kiosk.store.clock.mark(kiosk.clock.now())  # what an unset clock shows hides nothing
    issued, life = NOW + timedelta(hours=issued_h), timedelta(hours=life_h)
    result = kiosk.order(OutOfService(), issued=issued, life=life)
    assert (result.outcome, result.reason) == (outcome, reason)


def test_a_command_refused_for_the_clock_is_taken_once_the_clock_is_set(kiosk: Kiosk) -> None:
    kiosk.clock.trust(ClockTrust.UNSYNCHRONISED)
    raw = kiosk.raw(OutOfService())
    assert kiosk.answer(kiosk.desk.take(raw)).reason == "clock_untrusted"
    kiosk.clock.trust(ClockTrust.SYNCHRONISED)
    assert kiosk.desk.take(raw).outcome is Outcome.APPLIED


def test_a_message_for_all_stands_until_it_ends_and_one_for_a_person_is_theirs_alone(kiosk: Kiosk) -> None:
    ada = kiosk.store.people.add(Profile("Ada Lovelace", "7"))
    until = format_time(NOW + timedelta(hours=1))
    assert kiosk.order(ShowMessage(text="Fire drill at ten", until=until)).outcome == "done"
    assert kiosk.order(ShowMessage(text="Come to the office", person=ada, until=until)).outcome == "done"
    assert kiosk.said == [Announcement(Notice.MESSAGE, messages=("Fire drill at ten",))]
    assert kiosk.bulletin.messages(ada) == ("Come to the office",)
    restarted = kiosk.again()
    assert restarted.said == [Announcement(Notice.MESSAGE, messages=("Fire drill at ten",))]
    restarted.clock.advance(3700)
    restarted.bulletin(restarted.clock.now().boottime_s + LOOK_S)
    assert restarted.said[-1] == Announcement(Notice.MESSAGE)
    assert restarted.bulletin.messages(ada) == ()
    restarted.store.close()


def test_a_message_for_nobody_here_or_that_has_ended_is_refused(kiosk: Kiosk) -> None:
    until, past = format_time(NOW + timedelta(hours=1)), format_time(NOW - timedelta(hours=1))
    assert kiosk.order(ShowMessage(text="Hello", person="c" * 32, until=until)).reason == "person_unknown"
    assert kiosk.order(ShowMessage(text="Hello", until=past)).reason == "ended"
    assert kiosk.said == []


def test_configure_writes_the_offices_layer_and_the_next_start_says_whose_it_is(kiosk: Kiosk) -> None:
    changes = {"attendance.repeat_s": "120", "attendance.day_starts": "05:00:00", "logging.level": "warning"}
    result = kiosk.order(Configure(settings=changes))
    assert (result.outcome, result.reason) == ("done", "restart_needed")
    loaded = READER.load(None, kiosk.source.environment)
    assert loaded.config.attendance.repeat_s == 120.0
    assert loaded.config.attendance.day_starts.hour == 5
    assert loaded.provenance["attendance.repeat_s"] == "office"
    assert loaded.provenance["attendance.open_for_s"] == "default"
    assert kiosk.source.office_file.stat().st_mode & 0o777 == 0o600
    assert kiosk.order(Configure(settings={"attendance.repeat_s": ""})).outcome == "done"
    after = READER.load(None, kiosk.source.environment)
    assert after.provenance["attendance.repeat_s"] == "default"
    assert after.provenance["logging.level"] == "office"


@pytest.mark.parametrize(
    "settings",
    [
        {"decision.max_fpir": "0.5"},
        {"paths.state": "/elsewhere"},
        {"attendance.repeat_s": "minus one"},
        {"attendance.repeat_s": "30", "attendance.direction": "sideways"},
        {"attendance.work_codes": '["a\\u0007"]'},
        {"no.such": "1"},
    ],
)
def test_what_the_office_may_not_set_or_the_whole_does_not_bear_is_refused_and_nothing_written(
    kiosk: Kiosk, settings: dict[str, str]
) -> None:
    result = kiosk.order(Configure(settings=settings))
    assert (result.outcome, result.reason) == ("refused", "setting")
    assert not kiosk.source.office_file.exists()
    for value in settings.values():
        assert value not in result.detail


def test_a_setting_that_the_device_fixes_in_its_environment_is_not_the_offices(tmp_path: Path) -> None:
    environment = {"CLOCKFACE_PATHS__STATE": str(tmp_path / "device"), "CLOCKFACE_ATTENDANCE__REPEAT_S": "60"}
    kiosk = Kiosk(tmp_path / "device", environment=environment)
    assert kiosk.order(Configure(settings={"attendance.repeat_s": "5"})).reason == "setting"
    kiosk.store.close()


def test_every_setting_that_the_office_may_change_exists() -> None:
    assert set(OFFICE_MAY) <= set(READER.settings)


def test_a_layer_that_holds_more_than_the_office_may_set_stops_the_start_and_is_named(kiosk: Kiosk) -> None:
    kiosk.source.office_file.write_text("[decision]\nmax_fpir = 0.5\n")
    loaded, problems = READER.examine(None, kiosk.source.environment)
    assert loaded is None
    assert [(problem.where, problem.key) for problem in problems] == [
        (str(kiosk.source.office_file), "decision.max_fpir")
    ]


def test_a_support_bundle_is_the_offices_to_open_and_holds_no_person_key_or_error_text(kiosk: Kiosk) -> None:
    kiosk.store.people.add(Profile("Grace Hopper", "4711", greeting="Grace"))
    config = Config.model_validate(
        {"camera": {"source": "gstreamer", "pipeline": "rtspsrc location=rtsp://u:hunter2@cam user-pw=hunter2"}}
    )
    kiosk.contents = {"configuration": masked(config.model_dump(mode="json")), "long": "x" * 10}
    result = kiosk.order(SendSupportBundle())
    assert result.outcome == "done"
    parcels = [each for each in kiosk.central.received(kiosk.store) if isinstance(each, SupportParcel)]
    assert [(each.part, each.parts) for each in parcels] == [(1, 1)]
    assert result.parcel == parcels[0].id == parcels[0].bundle
    plain = unseal(from_text(parcels[0].sealed), key=kiosk.central.sealing, info=parcels[0].info)
    text = zlib.decompress(plain).decode()
    held = json.loads(text)
    assert held["broken"] == {"failed": "LedgerDiskFull"}
    assert held["contents"]["configuration"]["camera"]["source"] == "gstreamer"
    for secret in ("Grace", "Hopper", "4711", "hunter2", "Ada"):
        assert secret not in text


def test_a_large_bundle_goes_in_parts(kiosk: Kiosk) -> None:
    kiosk.contents = {"noise": secrets.token_hex(80_000)}
    kiosk.order(SendSupportBundle())
    parcels = [each for each in kiosk.central.received(kiosk.store) if isinstance(each, SupportParcel)]
    assert [each.part for each in parcels] == list(range(1, parcels[0].parts + 1))
    assert parcels[0].parts > 1
    whole = b"".join(
        unseal(from_text(each.sealed), key=kiosk.central.sealing, info=each.info) for each in parcels
    )
    assert json.loads(zlib.decompress(whole))["contents"] == kiosk.contents


def test_a_command_that_fails_on_the_way_leaves_its_answer_and_nothing_else(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.daemon.orders.write_office_text", full)
    raw = kiosk.raw(Configure(settings={"attendance.repeat_s": "5"}))
    first, again = kiosk.desk.take(raw), kiosk.desk.take(raw)
    assert kiosk.answer(first).outcome == "failed"
    assert again.result == first.result
    assert kiosk.store.progress.command_number() == 1


def test_a_command_of_an_unknown_kind_is_malformed(kiosk: Kiosk) -> None:
    assert kiosk.desk.kind is Command
    with pytest.raises(Refused):
        kiosk.desk.take(kiosk.raw(Restart()).replace(b'"payload"', b'"pay"'))


def test_the_offices_next_key_is_believed_beside_the_present_one_and_the_old_one_no_more(kiosk: Kiosk) -> None:
    before = kiosk.store.office.current()
    assert before is not None
    following, other = Ed25519PrivateKey.generate(), raw_public(Ed25519PrivateKey.generate())
    both = [raw_public(kiosk.central.operator), raw_public(following)]
    online = [*before.online_keys, other]
    assert kiosk.order(TrustKeys(online_keys=online, operator_keys=both)).outcome == "done"
    restarted = kiosk.again()
    old, restarted.central.operator = restarted.central.operator, following
    assert restarted.order(Identify()).outcome == "done", "both are believed"
    last = TrustKeys(online_keys=[other], operator_keys=both[1:])
    assert restarted.order(last).outcome == "done"
    office = restarted.store.office.current()
    assert office is not None
    assert (office.online_keys, office.operator_keys) == ((other,), (raw_public(following),))
    assert (office.name, office.sealing_key, office.bundle) == (before.name, before.sealing_key, before.bundle)
    restarted.central.operator = old
    with pytest.raises(Refused) as refused:
        restarted.desk.take(restarted.raw(Identify()))
    assert refused.value.reason is Reason.FORGED
    told = [each.action for each in restarted.store.audit.list()]
    assert told.count("office.keys_changed") == 2
    restarted.store.close()


def test_nobody_makes_a_kiosk_believe_keys_of_which_none_signed_it(kiosk: Kiosk) -> None:
    """Else a slip of the office would leave a kiosk that nobody can tell anything."""
    before = kiosk.store.office.current()
    assert before is not None
    stranger = raw_public(Ed25519PrivateKey.generate())
    answer = kiosk.order(TrustKeys(online_keys=list(before.online_keys), operator_keys=[stranger]))
    assert (answer.outcome, answer.reason) == ("refused", "locks_out")
    assert kiosk.store.office.current() == before
    for keys in ([stranger, stranger], [*before.online_keys]):
        with pytest.raises(ValidationError):
            TrustKeys(online_keys=list(before.online_keys), operator_keys=keys)
    with pytest.raises(ValidationError):
        TrustKeys()
    own = raw_public(kiosk.central.operator)
    assert kiosk.order(TrustKeys(online_keys=[own])).outcome == "failed", "one key for two purposes"
    assert kiosk.order(TrustKeys(online_keys=[stranger])).outcome == "done"
    after = kiosk.store.office.current()
    assert after is not None
    assert (after.online_keys, after.operator_keys) == ((stranger,), before.operator_keys)
