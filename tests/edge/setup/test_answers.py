"""Answers: hostile until they pass, and written so that the process that reads them reads the same."""

import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clockface.errors import ConfigError
from edge.configuration import READER as EDGE
from edge.errors import ProvisioningError
from edge.setup import progress
from edge.setup.answers import READER, Answers
from edge.setup.files import Standing, standing, write
from edge.setup.journey import Journey
from edge.setup.progress import Progress

PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)
SLUG = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


def journey(folder: Path, *given_: str, confirm: bool = False, **sections: dict[str, object]) -> Journey:
    answers = Answers.model_validate({"paths": {"state": folder / "state", "tls": folder / "tls"}, **sections})
    told = Progress(answers, given_)
    return Journey(progress=told, folder=folder, environment={}, confirm=lambda _: confirm)


@given(
    site=SLUG,
    name=SLUG,
    place=PRINTABLE,
    device=PRINTABLE,
    codes=st.lists(
        st.text(string.ascii_letters + string.digits, min_size=1, max_size=8), max_size=4, unique=True
    ),
)
@settings(max_examples=40, deadline=None)
def test_the_file_says_to_its_reader_what_was_answered(
    site: str, name: str, place: str, device: str, codes: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        way = journey(
            folder,
            *("device.site", "device.name", "camera.device", "attendance.work_codes"),
            device={"site": site, "name": name, "place": place},
            camera={"device": device},
            attendance={"work_codes": tuple(codes)},
        )
        (edge,) = way.drafts()
        write(edge)
        read = EDGE.load(edge.path, {}).config
        assert (read.device.site, read.device.name, read.camera.device) == (site, name, device)
        assert read.attendance.work_codes == tuple(codes)
        assert standing(edge) is Standing.SAME


@pytest.mark.parametrize(
    "text",
    [
        '[device]\nplace = "a\\u0000b"',
        '[device]\nplace = "door\\n[keys]\\nallow_environment = true"',
        '[device]\nplace = "\\u001b[31mred"',
        '[device]\nsite = "../../etc"',
        '[device]\nname = "<b>door</b>"',
        '[device]\ntimezone = "../../../etc/passwd"',
        "[keys]\nallow_environment = true",
        '[office]\nfingerprint = "; rm -rf /"',
        '[site_key]\nhow = "init"',
        "[check]\ntest_within_s = 1e9",
        "[device",
        "x = " + "[" * 200,
    ],
)
def test_a_hostile_answer_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "answers.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        READER.load(file, {})


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_answers_or_a_refusal(raw: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        loaded, problems = READER.examine(Path(file.name), {})
        assert (loaded is None) == bool(problems)


def test_what_somebody_edited_is_not_overwritten_without_a_yes_and_the_one_before_stays(tmp_path: Path) -> None:
    first = journey(tmp_path, "device.name", device={"name": "one"})
    (wanted,) = first.drafts()
    assert "written" in first.put(wanted)
    second = journey(tmp_path, "device.name", device={"name": "two"})
    (changed,) = second.drafts()
    assert standing(changed) is Standing.OURS
    second.put(changed)
    assert 'name = "one"' in (tmp_path / "clockface.toml.bak").read_text(encoding="utf-8")
    edited = wanted.path.read_text(encoding="utf-8") + '\n[logging]\nlevel = "debug"\n'
    wanted.path.write_text(edited, encoding="utf-8")
    with pytest.raises(ProvisioningError, match="edited by hand"):
        second.put(changed)
    assert wanted.path.read_text(encoding="utf-8") == edited
    journey(tmp_path, confirm=True).put(changed)
    assert (tmp_path / "clockface.toml.bak").read_text(encoding="utf-8") == edited


def test_the_couriers_file_is_held_to_the_courier(tmp_path: Path) -> None:
    way = journey(tmp_path, device={"site": "mill", "name": "door"})
    assert "written" in way.put(way.courier_draft(("mqtt.example.com:8883",)))
    with pytest.raises(ProvisioningError, match="make no configuration"):
        way.put(way.courier_draft(("not a broker",)))


def test_what_was_begun_is_kept_private_and_read_again_and_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    way = journey(tmp_path, "device.name", device={"name": "one"})
    way.progress.done["keys"] = "2026-03-02T08:00:00+00:00"
    way.progress.keep()
    file = tmp_path / "state" / progress.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    again = progress.load(tmp_path / "state")
    assert again == way.progress
    assert progress.load(tmp_path) is None
    file.write_text("{", encoding="utf-8")
    with pytest.raises(ProvisioningError, match="cannot be read"):
        progress.load(tmp_path / "state")
