"""The package: what goes in, what stays out, and that accounts, groups and units fit together."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.setup.owners import PACKAGE_GROUPS, STATE_OWNER, TLS_OWNER, package_groups
from scripts import build_deb
from scripts.build_deb import Build
from tests.systemd.units import SERVICES, settings_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "package"
SYSUSERS = (PACKAGE / "sysusers.conf").read_text(encoding="utf-8")


def accounts(kind: str) -> set[str]:
    return set(re.findall(rf"^{kind} +(\S+)", SYSUSERS, re.M))


@pytest.mark.parametrize("name", sorted(set(build_deb.SET.values())))
def test_what_debian_builds_and_what_only_builds_is_left_out_and_the_rest_keeps_its_hashes(name: str) -> None:
    text = build_deb._requirements(name)
    names = set(re.findall(r"^([A-Za-z0-9-]+)==", text, re.M))
    assert not names & (build_deb.FROM_DEBIAN | build_deb.ONLY_TO_BUILD)
    assert {"cryptography", "ai-edge-litert", "opencv-python-headless", "paho-mqtt"} <= names
    assert text.count("--hash=sha256:") >= len(names)


def test_a_newer_python_makes_a_newer_version_of_the_same_release() -> None:
    versions = [Build("arm64", python, "0.2.0", 0).full_version for python in ("3.11", "3.13")]
    done = subprocess.run(["dpkg", "--compare-versions", versions[0], "lt", versions[1]], check=False)
    assert (versions[0], done.returncode) == ("0.2.0+py311", 0)


@pytest.mark.parametrize("script", ["preinst", "postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_shell(script: str) -> None:
    subprocess.run(["sh", "-n", str(PACKAGE / "control" / script)], check=True)


def test_every_placeholder_of_the_control_files_is_one_that_is_filled() -> None:
    found = {
        name
        for path in (PACKAGE / "control").iterdir()
        for name in re.findall(r"@(\w+)@", path.read_text(encoding="utf-8"))
    }
    assert found == {"version", "arch", "python", "size"}


def test_lintian_is_overruled_only_with_a_reason() -> None:
    lines = (PACKAGE / "lintian-overrides").read_text(encoding="utf-8").splitlines()
    rules = [line.split() for line in lines if not line.startswith("#")]
    assert lines[0].startswith("# ")
    assert all(rule[0] == "clockface:" and len(rule) == 3 for rule in rules)


def test_the_accounts_of_all_units_are_made() -> None:
    own = {name for name in SERVICES if not name.startswith(build_deb.UNITS) and "User" in settings_of(name)}
    assert {settings_of(name)["User"][0] for name in own} <= accounts("u")
    assert {settings_of(name)["Group"][0] for name in own} <= accounts("u") | accounts("g")
    assert {STATE_OWNER, TLS_OWNER} <= accounts("u")


def test_edge_is_in_every_group_that_it_gives_a_socket_to() -> None:
    memberships = set(re.findall(r"^m +clockface +(\S+)", SYSUSERS, re.M))
    assert {group for setting, group in PACKAGE_GROUPS.items() if setting.startswith("api.")} <= memberships
    assert "gpio" in memberships


def test_provisioning_names_the_packages_groups_where_they_exist_and_none_elsewhere() -> None:
    assert package_groups(lambda _group: False) == {}
    assert package_groups(lambda group: group == "clockface-sync") == {"api.sync_group": "clockface-sync"}


@pytest.mark.parametrize("script", ["proof-nspawn", "proof-arm64"])
def test_where_a_proof_cannot_run_it_says_so_and_exits_with_77(script: str, tmp_path: Path) -> None:
    for tool in ("dirname", "id"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    done = subprocess.run(
        ["/bin/bash", str(ROOT / "scripts" / script), "--whether"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 77
    assert done.stdout.startswith("NOT RUN: ")
    assert " Next: " in done.stdout
