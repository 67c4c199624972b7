"""Crash reports: classes and places in our code, and nothing of a message, an argument or a local."""

import threading
from io import StringIO

import pytest

from clockface.config import LoggingConfig
from clockface.logs import on_exception, set_up
from clockface.scrubbing import Trace
from edge.daemon.crashes import AGAIN_S, MAX_KINDS, MAX_OTHERS, Crashes, scrub
from edge.errors import LedgerDiskFull
from edge.inference.photographs import decode
from edge.store.store import Store
from sync.wire.documents import open_document
from sync.wire.parcels import CrashParcel
from sync.wire.topics import Address
from tests.edge.store.given import KIOSK, SITE
from tests.fakes import ManualClock

HERE = Address(SITE, KIOSK)
CANARY = "Ada Lovelace 1815"


@pytest.fixture
def crashes(store: Store, clock: ManualClock) -> Crashes:
    return Crashes(store=store, address=HERE, clock=clock)


def caught(argument: str) -> Exception:
    """A bug deep in our code, with personal data wherever a report could pick it up."""
    local = f"{argument} {CANARY}"
    try:
        try:
            decode(local)  # type: ignore[arg-type]  # the bug: text where bytes belong
        except Exception as error:
            raise ValueError(local, CANARY) from error
    except ValueError as error:
        error.add_note(CANARY)
        return error


def parcels(store: Store) -> list[CrashParcel]:
    signing = store.device_keys.signing
    keys = {signing.key_id: signing.private.public_key()}
    return [
        open_document(CrashParcel, each.envelope, keys=keys, address=HERE)
        for each in store.parcels.waiting(limit=100)
    ]


def test_a_report_holds_classes_and_places_and_no_canary(store: Store, crashes: Crashes) -> None:
    crashes.note(caught(CANARY))
    crashes.report()
    (parcel,) = parcels(store)
    assert parcel.error[-1] == "ValueError"
    assert len(parcel.error) == 2
    assert any(
        frame.startswith("edge.inference.photographs:") and frame.endswith(" decode") for frame in parcel.frames
    )
    written = parcel.model_dump_json()
    for part in ("Ada", "Lovelace", "1815", "canary"):
        assert part not in written


def test_a_class_that_is_named_after_a_value_is_not_named(crashes: Crashes) -> None:
    assert scrub(type(CANARY, (Exception,), {})()).error == ("Exception",)


def test_the_same_crash_is_reported_once_an_hour_with_how_often(
    store: Store, clock: ManualClock, crashes: Crashes
) -> None:
    for _ in range(500):
        crashes.note(caught("x"))
        crashes.report()
    assert [each.times for each in parcels(store)] == [1]
    clock.advance(AGAIN_S)
    crashes.report()
    assert [each.times for each in parcels(store)] == [1, 499]
    clock.advance(AGAIN_S)
    crashes.report()
    assert len(parcels(store)) == 2  # nothing happened since


def test_a_flood_of_different_crashes_is_bounded(store: Store, crashes: Crashes) -> None:
    for number in range(200):
        crashes.note(type(f"Error{number}", (Exception,), {})())
    crashes.report()
    assert len(parcels(store)) == MAX_KINDS


def test_deliberate_errors_and_the_end_of_the_process_are_no_crashes(store: Store, crashes: Crashes) -> None:
    for error in (LedgerDiskFull("full"), SystemExit(1), KeyboardInterrupt()):
        crashes.note(error)
    crashes.report()
    assert parcels(store) == []


def test_a_full_ledger_keeps_the_report_and_does_not_stop_the_loop(
    store: Store, clock: ManualClock, crashes: Crashes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerDiskFull("the disk is full")

    crashes.note(caught("x"))
    with monkeypatch.context() as patched:
        patched.setattr(store.parcels, "add", full)
        crashes.report()
    clock.advance(AGAIN_S)
    crashes.report()
    assert [each.times for each in parcels(store)] == [1]


def test_an_exception_of_any_thread_arrives(store: Store, crashes: Crashes) -> None:
    stream = StringIO()
    undo, unhook = set_up(LoggingConfig(), stream=stream), on_exception(crashes.note)
    try:
        thread = threading.Thread(target=lambda: decode(CANARY))  # type: ignore[arg-type]
        thread.start()
        thread.join(10)
    finally:
        unhook()
        undo()
    crashes.report()
    (parcel,) = parcels(store)
    assert parcel.frames[-1].startswith("edge.inference.photographs:")
    assert "Ada" not in parcel.model_dump_json() + stream.getvalue()


def test_what_others_hand_in_is_reported_under_their_name_and_crowds_nobody_out(
    store: Store, crashes: Crashes
) -> None:
    for number in range(MAX_OTHERS + 20):
        crashes.take("screen", Trace((f"Flood{number}",), ()))
    crashes.take("capture", Trace(("OSError",), ("edge.camera.network:1 grab",)))
    crashes.note(caught(CANARY))
    crashes.report()
    found = parcels(store)
    assert sorted({each.process for each in found}) == ["capture", "edge", "screen"]
    assert sum(each.process == "screen" for each in found) == MAX_OTHERS
