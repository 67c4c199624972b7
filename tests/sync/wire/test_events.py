"""Events on the wire: one canonical form, bounded, and nothing hostile gets through."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sync.wire import events as wire
from sync.wire.canonical import WireError
from sync.wire.canonical import digest as digest_of
from sync.wire.fields import MAX_SAFE_INTEGER, MAX_SEQ, EventPoint, format_time

EPOCH = "000001-9f86d081884c7d65"
HASHES = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
EPOCHS = st.from_regex(r"[0-9]{6}-[0-9a-f]{16}", fullmatch=True)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2259, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
TEXT = st.characters(exclude_categories=["Cc", "Cs"])

clocks = st.builds(
    wire.ClockReading,
    trust=st.sampled_from(["synchronised", "holdover", "unsynchronised"]),
    utc_offset_s=st.integers(-64_800, 64_800),
    boot_id=st.from_regex(r"[0-9A-Za-z-]{1,64}", fullmatch=True),
    boottime_us=st.integers(0, MAX_SAFE_INTEGER),
)
points = st.builds(EventPoint, epoch=EPOCHS, seq=st.integers(1, MAX_SEQ), hash=HASHES)
begun = st.builds(
    wire.EpochBegunData,
    clock=clocks,
    reason=st.sampled_from(["provisioned", "restored", "replaced", "refused"]),
    previous=st.none() | points,
    public_key=st.binary(min_size=32, max_size=32)
    .filter(lambda raw: 1 < raw[1] < 255)
    .map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")),
    software=st.just("0.1.0"),
    models=st.lists(HASHES, max_size=16),
)
attendance = st.builds(
    wire.AttendanceData,
    clock=clocks,
    person=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    direction=st.sampled_from(["in", "out", "unstated"]),
    direction_source=st.sampled_from(["fixed", "chosen", "assumed", "none"]),
    method=st.sampled_from(["face", "badge", "pin"]),
    day=st.dates(date(1900, 1, 1), date(2259, 12, 31)).map(lambda day: day.isoformat()),
    work_code=st.none() | st.text(TEXT, min_size=1, max_size=40),
    score_millionths=st.none() | st.integers(-1_000_000, 1_000_000),
    model=st.none() | HASHES,
)
ranges = st.tuples(
    EPOCHS,
    st.integers(1, MAX_SEQ),
    st.integers(1, MAX_SEQ),
    st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
).map(
    lambda drawn: wire.CorrectedRange(
        epoch=drawn[0], first_seq=min(drawn[1:3]), last_seq=max(drawn[1:3]), correction_us=drawn[3]
    )
)
corrected = st.builds(wire.ClockCorrectedData, clock=clocks, ranges=st.lists(ranges, min_size=1, max_size=64))


@st.composite
def events(draw: st.DrawFn) -> wire.AnyEvent:
    """Any event that the schema allows."""
    kind, data = draw(
        st.sampled_from(
            [
                (wire.EpochBegun, begun),
                (wire.AttendanceRecorded, attendance),
                (wire.ClockCorrected, corrected),
            ]
        )
    )
    epoch = draw(EPOCHS)
    seq = 1 if kind is wire.EpochBegun else draw(st.integers(2, MAX_SEQ))
    moment = draw(MOMENTS)
    return kind(
        id=wire.event_name(epoch, seq),
        source=wire.source_of("madrid", "kiosk-1"),
        time=format_time(moment),
        epoch=epoch,
        seq=seq,
        prevhash=wire.GENESIS if seq == 1 else draw(HASHES.filter(lambda each: each != wire.GENESIS)),
        data=draw(data),
    )


def golden(**changes: Any) -> dict[str, Any]:
    """A punch as it stands in JSON, with changes; None leaves a field out."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{EPOCH}/2",
        "source": "clockface://madrid/kiosk-1",
        "type": "clockface.attendance.recorded.v1",
        "time": "2026-03-02T08:00:00.000001Z",
        "datacontenttype": "application/json",
        "epoch": EPOCH,
        "seq": 2,
        "prevhash": "ab" * 32,
        "data": {
            "clock": {
                "trust": "synchronised",
                "utc_offset_s": 3600,
                "boot_id": "0f0f0f0f-0000-4000-8000-000000000001",
                "boottime_us": 1_000_000_001,
            },
            "person": "cd" * 16,
            "direction": "in",
            "direction_source": "assumed",
            "method": "face",
            "day": "2026-03-02",
            "score_millionths": 812_345,
            "model": "ef" * 32,
        },
    }
    for field, value in changes.items():
        place = document
        *path, last = field.split("__")
        for part in path:
            place = place[part]
        place[last] = value
        if value is None:
            del place[last]
    return document


@given(events())
def test_every_event_survives_the_wire_and_has_one_form(event: wire.AnyEvent) -> None:
    payload = wire.canonical(event)
    assert wire.read_event(payload) == event
    assert wire.canonical(wire.read_event(payload)) == payload
    assert len(payload) <= wire.MAX_EVENT_BYTES
    header = wire.read_header(payload)
    assert (header.epoch, header.seq, header.prevhash, header.type, header.at) == (
        event.epoch,
        event.seq,
        event.prevhash,
        event.type,
        event.at,
    )


@given(events())
def test_there_is_no_float_and_no_null_on_the_wire(event: wire.AnyEvent) -> None:
    def walk(value: object) -> None:
        assert value is not None
        assert not isinstance(value, float)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    walk(json.loads(wire.canonical(event)))


def test_the_first_version_reads_for_ever() -> None:
    """A golden event: its bytes and its hash must never change."""
    payload = rfc8785.dumps(golden())
    event = wire.read_event(payload)
    assert isinstance(event, wire.AttendanceRecorded)
    assert event.data.score_millionths == 812_345
    assert payload == (
        b'{"data":{"clock":{"boot_id":"0f0f0f0f-0000-4000-8000-000000000001","boottime_us":1000000001,'
        b'"trust":"synchronised","utc_offset_s":3600},"day":"2026-03-02","direction":"in",'
        b'"direction_source":"assumed","method":"face",'
        b'"model":"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef",'
        b'"person":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","score_millionths":812345},'
        b'"datacontenttype":"application/json","epoch":"000001-9f86d081884c7d65",'
        b'"id":"000001-9f86d081884c7d65/2",'
        b'"prevhash":"abababababababababababababababababababababababababababababababab","seq":2,'
        b'"source":"clockface://madrid/kiosk-1","specversion":"1.0","time":"2026-03-02T08:00:00.000001Z",'
        b'"type":"clockface.attendance.recorded.v1"}'
    )
    assert digest_of(payload) == "b58e57de8387e774fbb61d3cb74035a51dfb30d852e0bbe8e8140f422604f20d"


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "1.1"},
        {"type": "clockface.attendance.recorded.v2"},
        {"id": f"{EPOCH}/3"},
        {"source": "https://evil.example/kiosk"},
        {"source": "clockface://madrid/kiosk-1/../kiosk-2"},
        {"time": "2026-03-02T08:00:00Z"},
        {"time": "2026-03-02T08:00:00.000001+01:00"},
        {"time": "2026-02-30T08:00:00.000001Z"},
        {"time": "0000-01-01T00:00:00.000000Z"},
        {"time": "0001-01-01T00:00:00.000000Z"},
        {"time": "9999-12-31T23:59:59.999999Z"},
        {"time": "2260-01-01T00:00:00.000000Z"},
        {"time": "2016-12-31T23:59:60.000000Z"},
        {"time": "2026-03-02T24:00:00.000000Z"},
        {"time": "2026-03-02T08:00:00.000001Z\n"},
        {"time": "2026-03-02T08:00:00.00000\u0661Z"},
        {"source": "clockface://madrid/-"},
        {"source": "clockface://madrid/kiosk-1\n"},
        {"epoch": "1-9f86d081884c7d65"},
        {"seq": 0, "id": f"{EPOCH}/0"},
        {"seq": 2**31, "id": f"{EPOCH}/{2**31}"},
        {"seq": "2"},
        {"seq": True},
        {"prevhash": wire.GENESIS},
        {"prevhash": "AB" * 32},
        {"prevhash": "ab" * 31},
        {"datacontenttype": "text/html"},
        {"surplus": 1},
        {"data": None},
        {"data": []},
        {"data__surplus": 1},
        {"data__person": "Ada Lovelace"},
        {"data__person": None},
        {"data__direction": "sideways"},
        {"data__day": "2026-13-01"},
        {"data__work_code": ""},
        {"data__work_code": "x" * 41},
        {"data__work_code": "a\u0000b"},
        {"data__work_code": "a\u0085b"},
        {"data__score_millionths": 1_000_001},
        {"data__score_millionths": 0.5},
        {"data__model": "ef" * 33},
        {"data__clock__boottime_us": -1},
        {"data__clock__boottime_us": 2**53 - 1 + 0.5},
        {"data__clock__boot_id": "x y"},
        {"data__clock__utc_offset_s": 64_801},
        {"data__clock": None},
    ],
    ids=lambda changes: "-".join(f"{key}={str(value)[:20]}" for key, value in changes.items()),
)
def test_a_field_out_of_bounds_is_refused_by_name_and_not_quoted(changes: dict[str, Any]) -> None:
    with pytest.raises(WireError) as refused:
        wire.read_event(rfc8785.dumps(golden(**changes)))
    assert "Ada" not in str(refused.value)
    assert "evil" not in str(refused.value)


def test_an_explicit_null_is_another_form_and_refused() -> None:
    document = golden()
    document["data"]["work_code"] = None
    with pytest.raises(WireError, match="canonical"):
        wire.read_event(rfc8785.dumps(document))


@pytest.mark.parametrize("read", [wire.read_event, wire.read_header])
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"1e999",
        b"NaN",
        b'"text"',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"[" * 16_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b"9" * 10_000,
        b'{"\\ud800":1}',
        b" " + rfc8785.dumps(golden()),
        rfc8785.dumps(golden()) + b"\n",
        json.dumps(golden()).encode(),
        rfc8785.dumps(golden()).replace(b'"seq":2', b'"seq":2,"seq":2'),
        rfc8785.dumps(golden()).replace(b'"seq":2', b'"seq":2.0'),
        rfc8785.dumps(golden()).replace(b'"seq":2', b'"seq":2e0'),
        rfc8785.dumps(golden()).replace(b"madrid", b"m\\u0061drid"),
        rfc8785.dumps(golden(data__work_code="x" * 17_000)),
    ],
    ids=lambda payload: payload[:24].decode("latin-1") if isinstance(payload, bytes) else payload.__name__,
)
def test_what_is_not_the_one_form_is_refused(read: Any, payload: bytes) -> None:
    with pytest.raises(WireError):
        read(payload)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(payload: bytes) -> None:
    for read in (wire.read_event, wire.read_header):
        with pytest.raises(WireError):
            read(payload)


SNIPPETS = (
    b"", b" ", b"0", b"-0", b"1.0", b"1e3", b"null", b"true", b'"', b"\\", b"\\u0041", b"\\u007f", b"\x7f",
    b"\\/", b",", b"{}", b'"seq":1,', b'"a":1,', b"9007199254740993", b"18446744073709551616", b"\xc3\xa9",
    b"\xed\xa0\x80", b"\\ud800", b"\x00", b"\n",
)  # fmt: skip


@given(events(), st.data())
def test_what_is_read_at_once_is_what_a_close_look_reads(event: wire.AnyEvent, data: st.DataObject) -> None:
    """Bytes that were edited anywhere; documents that are whole often enough, since the edits may be none."""
    raw = wire.canonical(event)
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 8)))
        raw = raw[:start] + data.draw(st.sampled_from(SNIPPETS) | st.binary(max_size=3)) + raw[end:]
    at_once = wire.event_at_once(raw)
    if at_once is not None:
        assert wire.read_event_closely(raw) == at_once
    elif raw == wire.canonical(event):
        assert not raw.isascii()


@pytest.mark.parametrize("letter", [chr(code) for code in range(128)])
def test_an_ascii_letter_is_written_as_rfc_8785_writes_it(letter: str) -> None:
    assert orjson.dumps({letter: letter}) == rfc8785.dumps({letter: letter})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_no_value_in_any_field_does_more_than_be_refused(data: st.DataObject) -> None:
    document = golden()
    place = document
    while True:
        field = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[field], dict) or data.draw(st.booleans()):
            break
        place = place[field]
    original = place[field]
    place[field] = data.draw(values)
    try:
        payload = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    try:
        event = wire.read_event(payload)
    except WireError:
        return
    assert wire.canonical(event) == payload
    assert field in {"work_code", "utc_offset_s", "boottime_us", "score_millionths", "boot_id"} or (
        place[field] == original
    )


def test_a_header_is_read_from_an_event_of_a_type_that_is_not_known_yet() -> None:
    document = golden(type="clockface.weather.observed.v3", data__person=None)
    document |= {"data": {"rain_mm": 3}, "traceparent": "00-ab"}
    payload = rfc8785.dumps(document)
    with pytest.raises(WireError):
        wire.read_event(payload)
    header = wire.read_header(payload)
    assert (header.type, header.seq) == ("clockface.weather.observed.v3", 2)


@pytest.mark.parametrize("field", ["specversion", "datacontenttype", "type"])
def test_a_header_without_an_attribute_of_cloudevents_is_refused(field: str) -> None:
    with pytest.raises(WireError, match=field):
        wire.read_header(rfc8785.dumps(golden(**{field: None})))


def test_a_type_that_no_log_and_no_table_should_see_is_refused() -> None:
    for name in ("=cmd|' /C calc'!A0", "a b", "x" * 101, "", "clockface\n", "\u202etxt"):
        with pytest.raises(WireError):
            wire.read_header(rfc8785.dumps(golden(type=name)))


def test_a_hostile_field_name_reaches_no_message_as_it_came() -> None:
    document = golden()
    document["data"]["\x1b[31mAda Lovelace\n" + "x" * 100] = 1
    with pytest.raises(WireError) as refused:
        wire.read_event(rfc8785.dumps(document))
    assert "\x1b" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14, 14))
def test_a_moment_has_one_text_whatever_its_zone(moment: datetime, hours: int) -> None:
    try:
        elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    except OverflowError:
        return
    assert format_time(elsewhere) == format_time(moment)
    assert datetime.fromisoformat(format_time(moment)) == moment


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
