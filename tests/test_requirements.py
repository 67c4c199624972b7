"""The pinned requirements cover pyproject.toml, carry hashes, and name no index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETS = ("core", "dev", "evaluate", "office", "models", "pi", "jetson", "mediapipe")


def pinned(name: str) -> dict[str, set[str]]:
    """Package -> versions pinned in requirements/NAME.txt."""
    versions: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", line):
            versions.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return versions


@pytest.mark.parametrize("name", SETS)
def test_every_direct_dependency_is_pinned_to_a_version_that_it_allows(name: str) -> None:
    wanted = [Requirement(text) for text in PROJECT["dependencies"]]
    wanted += [Requirement(text) for text in PROJECT["optional-dependencies"].get(name, [])]
    found = pinned(name)
    for requirement in wanted:
        versions = found.get(canonicalize_name(requirement.name), set())
        allowed = [version for version in versions if requirement.specifier.contains(version)]
        assert allowed, f"{requirement} is not in requirements/{name}.txt; run scripts/lock"


@pytest.mark.parametrize("name", ["dev", "evaluate", "office", "models"])
def test_sets_that_share_an_environment_share_their_pins(name: str) -> None:
    core = pinned("core")
    other = pinned(name)
    assert {package: other.get(package) for package in core} == core


@pytest.mark.parametrize("name", SETS)
def test_every_pin_carries_hashes_and_no_line_names_an_index_or_an_option(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line[:80]
            assert "://" not in line


def test_every_extra_has_a_pinned_set() -> None:
    assert set(PROJECT["optional-dependencies"]) | {"core"} == set(SETS)
