"""Every error class goes through the real SDK to a TLS server, full of canaries: none of them arrives."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from clockface.config import LoggingConfig, SentryConfig
from clockface.errors import ClockfaceError
from clockface.logs import set_up
from clockface.sentry import AGAIN_S, RELEASE, Sentry, ended, permitted, reporting
from edge.inference.photographs import decode
from sync.office.authority.identity import BrokerIdentity
from tests.clockface import leaky_program as canary
from tests.clockface.test_errors import errors
from tests.clockface.test_logs import spellings
from tests.https_sink import HttpsSink, https_sink
from tests.sync.mosquitto import Credentials, TestAuthority

PERMITTED = {
    "event_id",
    "timestamp",
    "platform",
    "level",
    "release",
    "environment",
    "tags",
    "exception",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return TestAuthority(tmp_path_factory.mktemp("authority")).credentials_of(BrokerIdentity(("localhost",)))


@pytest.fixture
def sink(files: Credentials) -> Iterator[HttpsSink]:
    with https_sink(files) as serving:
        yield serving


def settings(sink: HttpsSink, files: Credentials, **changes: Any) -> SentryConfig:
    return SentryConfig(dsn=sink.dsn(), ca_file=files.authority, **changes)


def crash(kind: type[BaseException]) -> Exception:
    """An error of a class with canaries in locals, arguments, message, notes and what it came from."""
    name, number, vector, key, token = (
        canary.NAME,
        canary.NUMBER,
        canary.VECTOR,
        canary.KEY,
        canary.TOKEN,
    )

    def deep(subject: str, *, secret: str) -> None:
        held = {subject: vector.tolist(), "image": canary.IMAGE}
        try:
            decode(f"{held} {secret}")  # type: ignore[arg-type]  # the bug: text where bytes belong
        except Exception as cause:
            cause.add_note(f"{name} {number}")
            error = kind.__new__(kind)
            error.args = (f"{name} {number} {token}", vector, key)
            if isinstance(error, ClockfaceError):
                error.what, error.where, error.next_step = f"{name}", f"/home/{number}", f"show {key}"
            error.__dict__["of"] = canary.Visitor(name, number)
            raise error from cause

    try:
        deep(canary.PERSON, secret=canary.KEY)
    except Exception as error:  # noqa: BLE001 - any class is asked for
        return error
    raise AssertionError("nothing was raised")


def events(sink: HttpsSink) -> list[dict[str, Any]]:
    """The events of the envelopes that came."""
    found = []
    for _, _, body in sink.got:
        head, item, event = body.split(b"\n", 2)
        assert set(json.loads(head)) <= {"event_id", "sent_at", "trace"}
        assert json.loads(item)["type"] == "event"
        found.append(json.loads(event.split(b"\n")[0]))
    return found


def test_no_canary_of_any_error_class_arrives_and_every_class_does(sink: HttpsSink, files: Credentials) -> None:
    kinds = [*errors(), ValueError, KeyError, OSError, MemoryError, UnicodeDecodeError]
    assert len(kinds) > 60
    sentry = Sentry(settings(sink, files, queue_events=500), process="sync")
    for kind in kinds:
        sentry.report(crash(kind))
    sink.await_got(len(kinds))
    sentry.close()
    everything = sink.everything().decode("utf-8", "replace")
    leaked = [what for what, text in spellings().items() if text in everything]
    assert not leaked, leaked
    assert all(text not in everything for text in ("Zzyzx", "1048290", "noqa", str(Path(__file__).parent)))
    told = events(sink)
    assert {event["exception"]["values"][-1]["type"] for event in told} == {kind.__name__ for kind in kinds}
    for event in told:
        assert set(event) <= PERMITTED, set(event) - PERMITTED
        assert event["tags"] == {"process": "sync"}
        for value in event["exception"]["values"]:
            assert set(value) <= {"type", "stacktrace"}
        frames = [f for v in event["exception"]["values"] for f in v.get("stacktrace", {}).get("frames", ())]
        assert any(f["module"] == "edge.inference.photographs" and f["function"] == "decode" for f in frames)
        assert all(set(frame) == {"module", "function", "lineno", "in_app"} for frame in frames)


def test_a_field_that_an_sdk_adds_tomorrow_is_not_sent() -> None:
    event = {
        "event_id": "0" * 32,
        "user": {"id": canary.NUMBER},
        "request": {"data": canary.NAME},
        "breadcrumbs": {"values": [canary.NAME]},
        "server_name": "door-2",
        "extra": {"x": canary.KEY},
        "contexts": {"c": canary.KEY},
        "tags": {"process": canary.NAME, "other": canary.NAME},
        "release": canary.NAME,
        "level": canary.NAME,
        "timestamp": canary.NAME,
        "new": canary.NAME,
        "exception": {
            "values": [
                {
                    "type": canary.NAME,
                    "value": canary.NAME,
                    "module": canary.NAME,
                    "stacktrace": {
                        "frames": [
                            {"module": canary.NAME, "function": "f", "lineno": 1},
                            {"module": "edge.app", "function": canary.NAME, "lineno": 1},
                            {"module": "edge.app", "function": "run", "lineno": 3, "vars": {"n": canary.NAME}},
                        ]
                    },
                }
            ]
        },
    }
    made = permitted(event, process="office", environment="production")
    text = json.dumps(made)
    assert not [what for what, spelt in spellings().items() if spelt in text]
    assert made["tags"] == {"process": "office"}
    assert made["exception"]["values"] == [
        {
            "type": "Exception",
            "stacktrace": {"frames": [{"module": "edge.app", "function": "run", "lineno": 3, "in_app": True}]},
        }
    ]


def test_a_report_of_edge_is_filed_under_edge_and_under_its_own_id(sink: HttpsSink, files: Credentials) -> None:
    sentry = Sentry(settings(sink, files), process="sync")
    frames = ["edge.daemon.loop:12 run", f"edge.x:1 {canary.NAME}", "edge.store.store:7 verify"]
    sentry.forward(
        process="edge", report="ab" * 16, software="0.1.0", error=["KeyError", "StoreError"], frames=frames
    )
    sentry.forward(process=canary.NAME, report="cd" * 16, software="0.1.0", error=["KeyError"], frames=[])
    sink.await_got(1)
    sentry.close()
    [event] = events(sink)
    assert (event["event_id"], event["release"], event["tags"]) == (
        "ab" * 16,
        "clockface@0.1.0",
        {"process": "edge"},
    )
    first, last = event["exception"]["values"]
    assert (first, last["type"]) == ({"type": "KeyError"}, "StoreError")
    assert [frame["function"] for frame in last["stacktrace"]["frames"]] == ["run", "verify"]


def test_the_same_crash_is_told_once_an_hour(sink: HttpsSink, files: Credentials) -> None:
    now = [0.0]
    sentry = Sentry(settings(sink, files), process="sync", now_s=lambda: now[0])
    for now[0] in (0.0, 1.0, AGAIN_S - 1, AGAIN_S):
        sentry.report(crash(KeyError))
    sink.await_got(2)
    sentry.close()
    assert len(sink.got) == 2


def test_while_the_server_is_away_the_newest_reports_wait_and_no_more_than_configured(
    sink: HttpsSink, files: Credentials
) -> None:
    sink.status = 503
    sentry = Sentry(settings(sink, files, queue_events=3), process="office")
    for number in range(10):
        sentry.forward(process="edge", report=f"{number:032x}", software="0.1.0", error=["KeyError"], frames=[])
    assert sentry.waiting <= 3
    sink.await_got(1)
    sink.status = 200
    before = len(sink.got)
    sink.await_got(before + 3)
    until = time.monotonic() + 10
    while sentry.waiting and time.monotonic() < until:
        time.sleep(0.005)
    sentry.close()
    assert [event["event_id"] for event in events(sink)][-3:] == [f"{number:032x}" for number in (7, 8, 9)]


def test_a_server_whose_certificate_does_not_hold_gets_nothing(
    sink: HttpsSink, files: Credentials, tmp_path: Path
) -> None:
    other = TestAuthority(tmp_path / "other")
    sentry = Sentry(SentryConfig(dsn=sink.dsn(), ca_file=other.file), process="sync")
    sentry.report(crash(KeyError))
    sentry._client.flush(timeout=0.5)
    assert sentry.waiting == 1
    sentry._transport.kill()
    assert sink.got == []


def test_what_a_process_logs_of_exceptions_is_reported_and_what_ends_it_too(
    sink: HttpsSink, files: Credentials
) -> None:
    def work() -> None:
        with reporting(settings(sink, files), process="signer"):
            structlog.get_logger(__name__).error("request_failed", exc_info=crash(KeyError))
            raise OSError(canary.NAME)

    undo = set_up(LoggingConfig(form="json"))
    try:
        with pytest.raises(OSError, match="Zzyzx"):
            work()
    finally:
        undo()
    assert [event["exception"]["values"][-1]["type"] for event in events(sink)] == ["KeyError", "OSError"]
    assert {event["release"] for event in events(sink)} == {RELEASE}


def test_without_a_dsn_nothing_is_made(monkeypatch: pytest.MonkeyPatch, sink: HttpsSink) -> None:
    monkeypatch.setenv("SENTRY_DSN", sink.dsn())  # the SDK's own variable counts nothing here
    with reporting(SentryConfig(), process="sync") as sentry:
        assert sentry is None


@pytest.mark.parametrize(
    "dsn",
    [
        "http://abc@sentry.example.com/1",
        "https://sentry.example.com/1",
        "https://abc:secret@sentry.example.com/1",
        "https://abc@sentry.example.com/",
        "https://abc@sentry.example.com/1?x=1",
        "https://abc@/1",
        "https://abc@sentry.example.com:port/1",
        "sentry.example.com",
    ],
)
def test_an_address_that_is_not_https_or_not_whole_is_refused(dsn: str) -> None:
    with pytest.raises(ValidationError):
        SentryConfig(dsn=dsn)


def test_an_authority_without_an_address_changes_nothing_and_is_refused() -> None:
    with pytest.raises(ValidationError):
        SentryConfig(ca_file=Path("/ca.pem"))


def test_a_commands_bug_is_reported_once_and_a_deliberate_error_is_not(
    sink: HttpsSink, files: Credentials
) -> None:
    config = settings(sink, files)
    told = crash(ValueError)
    with pytest.raises(ValueError), reporting(config, process="signer"):  # noqa: PT011
        raise told
    ended(config, told, process="command")
    ended(config, crash(ClockfaceError), process="command")
    ended(SentryConfig(), crash(KeyError), process="command")
    ended(config, crash(KeyError), process="command")
    sink.await_got(2)
    assert [event["tags"]["process"] for event in events(sink)] == ["signer", "command"]
