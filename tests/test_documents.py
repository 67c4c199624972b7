"""What the pages point to is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = "clockface|edge|sync|scripts|models|systemd|requirements|docs|tests"
NAMED_PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*\w)(?:[ ][^`]*)?`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which pages are tracked is not known")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken, broken


def test_every_path_that_a_page_names_exists() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in pages()
        for path in NAMED_PATH.findall(page.read_text())
        if not (ROOT / path).exists()
    ]
    assert not missing, missing


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    unlisted = [
        page.name for page in folder.glob("*.md") if page.name != "README.md" and page.name not in index
    ]
    assert not unlisted, unlisted
