"""The courier's settings: what must be given, what is refused, and what each file is called."""

from pathlib import Path

import pytest

from sync.config import READER
from sync.wire.envelope import MAX_ENVELOPE_BYTES

LEAST = {
    "CLOCKFACE_SYNC_DEVICE__SITE": "madrid-1",
    "CLOCKFACE_SYNC_DEVICE__NAME": "door-2",
    "CLOCKFACE_SYNC_BROKER__ADDRESSES": '["mqtt.example.com"]',
}


def test_site_name_and_broker_must_be_given_and_suffice() -> None:
    _, problems = READER.examine(None, {})
    assert {problem.key for problem in problems} == {"device.site", "device.name", "broker.addresses"}
    config = READER.load(None, LEAST).config
    assert (config.device.site, config.device.name) == ("madrid-1", "door-2")
    assert config.broker.endpoints[0].port == 8883


def test_the_tls_files_have_fixed_names_in_their_folder() -> None:
    files = READER.load(None, {**LEAST, "CLOCKFACE_SYNC_PATHS__TLS": "/t"}).config.paths.tls_files
    assert (files.key, files.certificate, files.authorities) == (
        Path("/t/device.key"), Path("/t/device.crt"), Path("/t/ca.crt"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("broker.addresses", '["mqtts://a"]'),
        ("broker.addresses", "a.example"),
        ("broker.addresses", '["a.example", "a.example:8883"]'),
        ("broker.keepalive_s", "0"),
        ("broker.tls_insecure", "true"),
        ("broker.password", "x"),
        ("delivery.window_events", "0"),
        ("delivery.batch_bytes", "1024"),
        ("delivery.stall_s", "1"),
        ("certificate.warn_days", "0"),
        ("paths.run", "/" + "r" * 100),
    ],
)
def test_what_is_out_of_bounds_or_unknown_is_refused(key: str, text: str) -> None:
    loaded, problems = READER.examine(None, {**LEAST, READER.variable_name(key): text})
    assert loaded is None
    assert {problem.where for problem in problems} == {READER.variable_name(key)}


def test_the_largest_event_fits_into_the_smallest_batch() -> None:
    assert "from 32768 " in READER.settings["delivery.batch_bytes"].allowed
    assert MAX_ENVELOPE_BYTES <= 32_768


def test_edge_s_variables_are_not_the_courier_s() -> None:
    assert READER.load(None, {**LEAST, "CLOCKFACE_CAMERA__FPS": "1"}).config == READER.load(None, LEAST).config
