"""The rendered configuration: every placeholder filled, nothing smuggled into it, one shut door."""

import dataclasses
from pathlib import Path

import pytest

from sync.office.authority.errors import IdentityRefused
from sync.office.broker.configuration import (
    BrokerFiles,
    BrokerSettings,
    render_access,
    render_configuration,
    write,
)
from sync.office.broker.errors import BrokerSettingRefused

FILES = BrokerFiles(
    authority=Path("/etc/clockface/ca.crt"),
    certificate=Path("/etc/clockface/broker.crt"),
    key=Path("/etc/clockface/broker.key"),
    revocations=Path("/etc/clockface/ca.crl"),
    persistence=Path("/var/lib/mosquitto"),
)
SETTINGS = BrokerSettings(files=FILES)


def lines(settings: BrokerSettings) -> list[str]:
    text = render_configuration(settings, access=Path("/etc/clockface/access.acl"))
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_placeholder_is_filled_and_no_option_stands_twice() -> None:
    rendered = lines(SETTINGS)
    assert not [line for line in rendered if "{{" in line or "}}" in line]
    options = [line.split(" ")[0] for line in rendered if not line.startswith("log_type ")]
    assert len(options) == len(set(options))


def test_the_door_is_shut_by_default() -> None:
    rendered = lines(SETTINGS)
    for line in ("listener 8883", "require_certificate true", "allow_anonymous false", "tls_version tlsv1.2",
                 "use_identity_as_username true", "use_username_as_clientid true"):  # fmt: skip
        assert line in rendered
    assert sum(line.startswith("listener ") for line in rendered) == 1
    assert not [
        line for line in rendered if line.startswith(("port ", "socket_domain", "bind_address", "bridge"))
    ]
    assert not [line for line in rendered if line in {"log_type all", "log_type debug", "log_type subscribe"}]


@pytest.mark.parametrize(
    "change",
    [
        {"user": "mosquitto\nallow_anonymous true"},
        {"bind": "127.0.0.1\nlistener 1883"},
        {"log": "stderr\nlistener 1883"},
        {"log": "topic"},
        {"port": 0},
        {"port": 65_536},
        {"receivers": ("one",), "monitors": ("one",)},
        {"files": dataclasses.replace(FILES, key=Path("broker.key"))},
        {"files": dataclasses.replace(FILES, key=Path("/x\nallow_anonymous true"))},
    ],
    ids=str,
)
def test_a_value_that_would_change_other_lines_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BrokerSettingRefused):
        dataclasses.replace(SETTINGS, **change)


@pytest.mark.parametrize("name", ["", "+", "one\ntopic readwrite #", "One", "a/b"])
def test_an_office_name_that_would_change_the_access_list_is_refused(name: str) -> None:
    with pytest.raises(IdentityRefused):
        render_access(dataclasses.replace(SETTINGS, receivers=(name,)))


def test_an_office_process_can_be_no_sites_device() -> None:
    users = [line for line in render_access(SETTINGS).splitlines() if line.startswith("user ")]
    assert users == ["user @office/receiver"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BrokerSettingRefused, match="cannot be written"):
        write(SETTINGS, tmp_path / "file" / "etc")
