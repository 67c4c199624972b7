"""All units: systemd has nothing to say, their exposure is low and stands in the docs, the promises hold."""

import re
from pathlib import Path

import pytest

from edge.camera.capture import parse
from edge.store.keys import DATA_FILE, FACE_FILE, SIGNING_FILE
from sync.pulse import LIMIT_S
from tests.systemd.units import FOLDER, SERVICES, UNITS, analyze, copies, exposures, needs_systemd, settings_of

ROOT = FOLDER.parent
MOST_EXPOSURE = {
    "clockface-kiosk.service": 2.5,  # a browser
    "clockface-office.service": 1.7,  # network and database
    "clockface-office-authority.service": 1.7,
    "clockface-update.service": 7.0,  # installs packages: it is root, and does nothing else
}
UNBOUND = {"clockface-update.service"}  # from the promises to all others
DAEMONS = tuple(name for name in SERVICES if settings_of(name)["Type"] in (["notify"], ["exec"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copies(tmp_path_factory.mktemp("units"))


@needs_systemd
def test_systemd_has_nothing_to_say_about_any_unit(folder: Path) -> None:
    done = analyze("verify", *(str(folder / name) for name in UNITS))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_verify_does_speak_about_a_key_that_it_does_not_know(tmp_path: Path) -> None:
    unit = copies(tmp_path) / "clockface-edge.service"
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    assert "ProtectHouse" in analyze("verify", str(unit)).stderr


@needs_systemd
def test_the_exposure_of_every_service_is_low_and_stands_in_the_docs(folder: Path) -> None:
    found = exposures(folder)
    assert {name: value for name, value in found.items() if value > MOST_EXPOSURE.get(name, 1.5)} == {}
    told = (ROOT / "docs/appliance.md").read_text(encoding="utf-8")
    written = {
        name: float(value) for name, value in re.findall(r"^\| `(clockface[\w.-]+)` \| ([\d.]+) \|", told, re.M)
    }
    assert written == found, "docs/appliance.md, Exposure: write what systemd-analyze says now"


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in UNBOUND])
def test_what_every_service_promises(name: str) -> None:
    settings = settings_of(name)
    for key, value in {
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "ProtectKernelTunables": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "LimitCORE": "0",
        "MemorySwapMax": "0",
        "UMask": "0077",
    }.items():
        assert settings[key] == [value], key
    assert {"MemoryMax", "TasksMax", "User", "SystemCallFilter", "RestrictAddressFamilies"} <= set(settings)


@pytest.mark.parametrize("name", SERVICES)
def test_commands_are_the_packages_and_only_folders_that_every_machine_has_are_asked_for(name: str) -> None:
    settings = settings_of(name)
    for command in settings["ExecStart"] + settings.get("ExecStopPost", []):
        assert re.match(r"-?/usr/bin/clockface|-/bin/sh -c .* exec /usr/bin/clockface ", command), command
    assert settings.get("ExecPaths", ["/usr -/lib -/lib64"]) == ["/usr -/lib -/lib64"]  # arm64 has no /lib64


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_is_started_again_for_ever(name: str) -> None:
    settings = settings_of(name)
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert settings.get("NotifyAccess", ["main"]) == ["main"]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_newer_than_debian_12_is_asked_for(name: str) -> None:
    assert not {"RestartSteps", "RestartMaxDelaySec"} & set(settings_of(name))


@pytest.mark.parametrize(
    ("unit", "key", "value"),
    [
        ("edge", "PrivateNetwork", "yes"),
        ("edge", "RestrictAddressFamilies", "AF_UNIX"),
        ("edge", "StateDirectoryMode", "0700"),
        (
            "edge",
            "SupplementaryGroups",
            "video audio",
        ),  # both are in every Debian; a missing one keeps it from starting
        ("sync", "User", "clockface-sync"),
        ("sync", "RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("sync", "SocketBindDeny", "any"),
        ("sync", "PrivateDevices", "yes"),
        ("sync", "InaccessiblePaths", "-/var/lib/clockface"),
        ("sync", "ReadWritePaths", "-/etc/clockface/tls"),
        ("screen", "PrivateNetwork", "yes"),
        ("screen", "RestrictAddressFamilies", "AF_UNIX AF_INET"),
        ("screen", "IPAddressDeny", "any"),
        ("screen", "IPAddressAllow", "localhost"),
        ("screen", "PrivateDevices", "yes"),
        ("screen", "RuntimeDirectoryMode", "0711"),
        ("screen", "RuntimeDirectoryPreserve", "restart"),
        ("screen", "InaccessiblePaths", "-/var/lib/clockface"),
        ("capture", "IPAddressDeny", "any"),
        ("capture", "PrivateDevices", "yes"),
        ("capture", "RuntimeDirectoryMode", "0750"),
        ("capture", "LoadCredential", "camera-url:/etc/clockface/camera-url"),
        ("capture", "InaccessiblePaths", "-/var/lib/clockface -/run/clockface"),
        ("office", "PrivateDevices", "yes"),
        ("office", "StateDirectoryMode", "0700"),
        ("office", "RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        (
            "office",
            "InaccessiblePaths",
            (
                "-/var/lib/clockface-ca -/var/lib/clockface -/var/lib/clockface-signer "
                "-/run/credentials/clockface-office-signer.service "
                "-/run/credentials/clockface-office-authority.service"
            ),
        ),
        ("office-signer", "IPAddressDeny", "any"),
        ("office-signer", "IPAddressAllow", "localhost"),
        ("office-signer", "StateDirectoryMode", "0700"),
        (
            "office-signer",
            "InaccessiblePaths",
            "-/var/lib/clockface-ca -/var/lib/clockface -/var/lib/clockface-office/keys",
        ),
        ("office-authority", "StateDirectory", "clockface-office clockface-ca"),
        ("office-authority", "StateDirectoryMode", "0700"),
        ("office-authority", "LoadCredentialEncrypted", "ca_passphrase:/etc/credstore.encrypted/clockface-ca"),
        (
            "office-authority",
            "InaccessiblePaths",
            (
                "-/var/lib/clockface -/var/lib/clockface-office/keys -/etc/clockface/tls "
                "-/var/lib/clockface-signer -/run/credentials/clockface-office-signer.service"
            ),
        ),
    ],
)
def test_what_one_service_promises(unit: str, key: str, value: str) -> None:
    assert settings_of(f"clockface-{unit}.service")[key] == [value]


@pytest.mark.parametrize("unit", ["sync", "screen", "capture"])
def test_whoever_is_not_edge_is_given_no_key_and_no_state(unit: str) -> None:
    assert not {"LoadCredentialEncrypted", "StateDirectory"} & set(settings_of(f"clockface-{unit}.service"))


def test_edge_sees_its_peers_can_ask_the_clock_and_reaches_pins_and_sound() -> None:
    settings = settings_of("clockface-edge.service")
    assert not {"PrivateUsers", "ProtectClock"} & set(settings)
    assert "adjtimex" in settings["SystemCallFilter"][-1]
    assert {"char-gpiochip rw", "char-alsa rw"} <= set(settings["DeviceAllow"])
    names = {value.partition(":")[0] for value in settings["LoadCredentialEncrypted"]}
    assert names == {DATA_FILE, FACE_FILE, SIGNING_FILE}


def test_pins_come_to_rest_when_the_daemon_could_not_do_it_itself() -> None:
    [command] = settings_of("clockface-edge.service")["ExecStopPost"]
    assert command.endswith("""'[ "$$SERVICE_RESULT" = success ] || exec /usr/bin/clockface signals release'""")


def test_the_badge_readers_child_can_bind_itself_and_the_courier_cannot_listen() -> None:
    assert {"prlimit64", "setpriority"} <= set(
        settings_of("clockface-edge.service")["SystemCallFilter"][-1].split()
    )
    assert "~listen accept accept4" in settings_of("clockface-sync.service")["SystemCallFilter"]


def test_recognition_goes_before_everything_else_of_the_kiosk() -> None:
    weights = {
        name: int(settings_of(name)["CPUWeight"][0]) for name in SERVICES if "CPUWeight" in settings_of(name)
    }
    assert max(weights, key=lambda name: weights[name]) == "clockface-edge.service"
    assert settings_of("clockface-edge.service")["OOMScoreAdjust"] == ["-500"]


def test_the_target_starts_what_a_kiosk_is_and_stops_all_of_it() -> None:
    wanted = set(settings_of("clockface.target")["Also"][0].split())
    assert {"clockface-edge.service", "clockface-sync.service", "clockface-screen.service"} <= wanted
    assert wanted <= set(UNITS)
    for name in (name for name in SERVICES if settings_of(name).get("WantedBy") == ["clockface.target"]):
        assert settings_of(name)["PartOf"] == ["clockface.target"], name


def test_systemds_watchdog_waits_for_longer_than_the_couriers_own() -> None:
    [limit] = settings_of("clockface-sync.service")["WatchdogSec"]
    assert float(limit.removesuffix("s")) > LIMIT_S


def test_the_captures_command_line_is_one_that_the_program_takes() -> None:
    command = settings_of("clockface-capture.service")["ExecStart"][0].split()
    assert str(parse(command[1:]).socket).endswith("/clockface-capture/frames.sock")
