"""The loader finds every problem, trusts nothing it is given, and says where each value comes from."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from clockface.config import Section
from clockface.configuration import ConfigReader
from clockface.errors import ConfigError
from clockface.toml_file import MAX_BYTES, Problem, key_lines
from edge.configuration import READER
from sync.config import READER as COURIER
from sync.office.config.tree import READER as OFFICE

READERS = (READER, COURIER, OFFICE)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "clockface.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems_of(path: Path, environment: dict[str, str] | None = None) -> tuple[Problem, ...]:
    loaded, problems = READER.examine(path, environment or {})
    assert loaded is None
    assert problems
    return problems


def test_without_a_file_every_setting_has_its_default() -> None:
    loaded = READER.load(None, {})
    assert loaded.path is None
    assert set(loaded.provenance.values()) == {"default"}
    assert loaded.config.camera.width_px == 640


def test_the_environment_overrides_the_file_and_provenance_names_both(tmp_path: Path) -> None:
    path = written(tmp_path, "[camera]\nfps = 10\nwidth_px = 800\n[attendance]\nday_starts = 03:30:00\n")
    loaded = READER.load(
        path, {"CLOCKFACE_CAMERA__FPS": "20", "CLOCKFACE_CAMERA__REGION__TOP": "0", "PATH": "x"}
    )
    assert (loaded.config.camera.fps, loaded.config.camera.width_px) == (20.0, 800)
    assert loaded.provenance["camera.region.top"] == "CLOCKFACE_CAMERA__REGION__TOP"
    assert loaded.config.attendance.day_starts.minute == 30
    assert loaded.provenance["camera.fps"] == "CLOCKFACE_CAMERA__FPS"
    assert loaded.provenance["camera.width_px"] == f"{path}:3"
    assert loaded.provenance["camera.height_px"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("camera.device", "0", "0"),
        ("camera.mirror", "true", True),
        ("attendance.work_codes", '["a", "b"]', ("a", "b")),
        ("camera.exposure_us", "", None),
        ("paths.models", "", None),
        ("camera.rotation_deg", "90", 90),
    ],
)
def test_a_variable_is_read_as_its_setting_wants_it(name: str, text: str, expected: object) -> None:
    config: object = READER.load(None, {READER.variable_name(name): text}).config
    for part in name.split("."):
        config = getattr(config, part)
    assert config == expected


def test_the_variables_of_a_neighbour_are_its_own_affair() -> None:
    environment = {"CLOCKFACE_SYNC_BROKER__PORT": "1", "CLOCKFACE_OFFICE_CONFIG": "/x", "CLOCKFACES": "1"}
    assert READER.load(None, environment).config == READER.model()


class Lamp(Section):
    """A lamp."""

    colour: str = Field(description="Its colour.")
    minutes: int = Field(default=5, ge=1, description="How long it burns, minutes.")


class Lamps(Section):
    """A tree with a setting that must be given."""

    lamp: Lamp


LAMPS = ConfigReader(
    model=Lamps, prefix="LAMPS_", default_path=Path("/nowhere/lamps.toml"), check_command="lamps check"
)


def test_a_setting_without_a_default_must_be_given_and_the_others_keep_theirs() -> None:
    assert LAMPS.load(None, {"LAMPS_LAMP__COLOUR": "red"}).config == Lamps(lamp=Lamp(colour="red", minutes=5))
    _, problems = LAMPS.examine(None, {"LAMPS_LAMP__MINUTES": "7"})
    assert [(p.where, p.key, p.allowed) for p in problems] == [("/nowhere/lamps.toml", "lamp.colour", "text")]
    with pytest.raises(ConfigError, match="lamps check"):
        LAMPS.load(None, {})


def test_the_variable_names_the_file_unless_the_option_does(tmp_path: Path) -> None:
    environment = {"CLOCKFACE_CONFIG": "/a"}
    assert READER.config_path(option=None, environment=environment) == Path("/a")
    assert READER.config_path(option=tmp_path, environment=environment) == tmp_path
    assert READER.config_path(option=None, environment={}) is None


def test_all_problems_are_listed_at_once_with_line_key_and_what_is_allowed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[camera]\nfps = 999\nfp = 3\n\n[[attendance.shifts]]\nname = "n"\nstarts = 22:00:00\nends = "06:00Z"\n'
        '\n[device]\nsite = "Madrid 1"\nregion = { left = 1 }\n[lamp]\non = true\n',
    )
    found = {(p.line, p.key): p for p in problems_of(path, {"CLOCKFACE_CAMERA__HEIGTH_PX": "480"})}
    assert set(found) == {
        (2, "camera.fps"), (3, "camera.fp"), (8, "attendance.shifts[0].ends"), (11, "device.site"),
        (12, "device.region"), (13, "lamp"), (None, ""),
    }  # fmt: skip
    assert found[2, "camera.fps"].allowed == "number from 1 to 120"
    assert "did you mean camera.fps?" in found[3, "camera.fp"].wrong
    variable = found[None, ""]
    assert variable.where == "CLOCKFACE_CAMERA__HEIGTH_PX"
    assert "did you mean CLOCKFACE_CAMERA__HEIGHT_PX?" in variable.wrong


def test_the_error_lists_the_problems_and_names_the_next_command(tmp_path: Path) -> None:
    path = written(tmp_path, "[camera]\nfps = 0\n")
    with pytest.raises(ConfigError) as caught:
        READER.load(path, {})
    assert caught.value.exit_code == 10
    assert f"{path}:2: camera.fps" in str(caught.value)
    assert "clockface config check" in str(caught.value)


def test_a_problem_of_a_whole_section_names_the_variable_behind_it() -> None:
    _, problems = READER.examine(None, {"CLOCKFACE_CAMERA__SOURCE": "replay"})
    assert [(p.where, p.key) for p in problems] == [("CLOCKFACE_CAMERA__SOURCE", "camera")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[camera]\nfps = 1\nfps = 2\n", "not TOML"),
        ("[camera]\n[camera]\n", "not TOML"),
        ("[attendance]\nwork_codes = [[[[[[[[[1]]]]]]]]]", "nested too deeply"),
        ("camera = [" + "[" * 3000, "nested too deeply"),
        (("[" * 100 + "\n") * 100, "not TOML"),
        ("x = " + "9" * 4090, "no such setting"),
        ("x = " + "9" * 5000, "longer than 4096"),
        (".".join("a" * 3000) + " = 1", "longer than 4096"),
        (".".join("a" * 2000) + " = 1", "nested too deeply"),
        (b"[device]\nsite = \"\xff\"\n", "not UTF-8: byte 17"),
        (b"\x00", "not TOML"),
        ("#" * 100 + "\n" + "# x\n" * MAX_BYTES, "larger than 65536"),
        ("camera = 3\n", "camera: should be an object"),
        ("[camera]\nfps = nan\n", "finite"),
        ("[quality]\nmin_sharpness = inf\n", "finite"),
        ("[camera]\nfps = \"15\"\n", "number"),
        ("[camera]\nmirror = 1\n", "boolean"),
        ("[camera]\nreplay_path = \"a\\u0000b\"\n", "control character"),
        ("[device]\ntimezone = \"../../etc/passwd\"\n", "time zone"),
        ("[attendance]\nday_starts = 2024-01-01\n", "day_starts"),
        ("[paths]\nrun = \"/" + "r" * 100 + "\"\n", "at most 90 bytes"),
        ("[camera]\nsocket = \"/" + "r" * 120 + "\"\n", "at most 107 bytes"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_with_a_reason(tmp_path: Path, text: str | bytes, words: str) -> None:
    assert any(words in str(problem) for problem in problems_of(written(tmp_path, text)))


def test_what_is_not_a_regular_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not a regular file" in problems_of(pipe)[0].wrong
    assert "not a regular file" in problems_of(tmp_path)[0].wrong
    assert "cannot be read: No such file" in problems_of(tmp_path / "absent")[0].wrong
    assert "cannot be read: not a path" in problems_of(Path("a\0b"))[0].wrong


@pytest.mark.parametrize(
    ("reader", "name"),
    [(reader, key) for reader in READERS for key in reader.settings if "[]" not in key],
    ids=lambda value: value if isinstance(value, str) else value.model.__name__,
)
def test_no_message_repeats_a_value(reader: ConfigReader[Any], name: str) -> None:
    for canary in ("cAnArY/7f3a\x1b", "cAnArY"):
        for problem in reader.examine(None, {reader.variable_name(name): canary})[1]:
            assert "cAnArY" not in str(problem)


def test_a_deeply_nested_variable_is_refused() -> None:
    for depth in (5, 500, 2000):
        _, problems = READER.examine(None, {"CLOCKFACE_ATTENDANCE__WORK_CODES": "[" * depth + "]" * depth})
        assert problems[0].where == "CLOCKFACE_ATTENDANCE__WORK_CODES"


@given(st.text(max_size=300))
def test_any_text_gives_a_configuration_or_problems_fit_for_a_terminal(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        loaded, problems = READER.examine(path, {})
    assert (loaded is None) == bool(problems)
    assert all(str(problem).isprintable() for problem in problems)


@given(
    st.dictionaries(
        st.sampled_from([READER.variable_name(k) for k in READER.settings]), st.text(max_size=60), max_size=4
    )
)
def test_any_environment_gives_a_configuration_or_problems_fit_for_a_terminal(
    environment: dict[str, str],
) -> None:
    loaded, problems = READER.examine(None, environment)
    assert (loaded is None) == bool(problems)
    assert all(str(problem).isprintable() for problem in problems)


def test_lines_are_found_in_tables_lists_of_tables_and_dotted_keys() -> None:
    text = 'a.b = 1\n[x]\ny = { z = 2 }\n[[l]]\nk = 1\n[[l]]\nk = 2\n["q"]\n"r" = 1\n'
    found = key_lines(text)
    assert (found["a.b"], found["x.y"], found["l[0].k"], found["l[1].k"], found["q.r"]) == (1, 3, 5, 7, 9)


@pytest.mark.parametrize("reader", READERS)
def test_every_setting_has_a_description_and_every_section_says_what_it_is(reader: ConfigReader[Any]) -> None:
    assert all(setting.description for setting in reader.settings.values())
    assert all(reader.sections.values())


@pytest.mark.parametrize("reader", READERS)
def test_measured_settings_carry_their_unit_in_name_or_description(reader: ConfigReader[Any]) -> None:
    units = {
        "px": "pixels", "s": "second|long|time|recorded|ends", "deg": "degrees", "us": "microseconds",
        "ms": "milliseconds", "days": "days|Days", "bytes": "bytes", "events": "events|Events",
    }  # fmt: skip
    for key, setting in reader.settings.items():
        unit = key.rpartition("_")[2]
        if unit in units and "_" in key:
            assert any(word in setting.description for word in units[unit].split("|")), key
