"""`clockface config` shows what counts and why, finds what is wrong, and prints no credential."""

import json
from pathlib import Path

import pytest

from clockface.masking import MASK, masked
from edge.cli.main import main
from edge.configuration import READER
from scripts.configuration_page import PAGE, page


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str) -> int:
    """The command as the shell starts it; returns its exit code."""
    import os

    for name in os.environ:
        if name.startswith("CLOCKFACE_"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.argv", ["clockface", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clockface.toml"
    path.write_text(
        '[camera]\nfps = 10\npipeline = "rtspsrc location=rtsp://bob:geheim1@cam/x user-pw=geheim2"\n'
    )
    return path


def test_show_prints_every_setting_with_its_origin_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code = run(monkeypatch, "--config", str(file), "config", "show", "--json", CLOCKFACE_CAMERA__WIDTH_PX="800")
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert set(printed) == {key for key in READER.settings if "[]" not in key}
    assert printed["camera.fps"] == {"value": 10.0, "origin": f"{file}:2"}
    assert printed["camera.width_px"] == {"value": 800, "origin": "CLOCKFACE_CAMERA__WIDTH_PX"}
    assert printed["camera.height_px"]["origin"] == "default"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_show_masks_credentials_in_both_forms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path, form: list[str]
) -> None:
    assert run(monkeypatch, "config", "show", *form, CLOCKFACE_CONFIG=str(file)) == 0
    printed = capsys.readouterr().out
    assert "geheim" not in printed
    assert MASK in printed


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://user:geheim@10.0.0.1/stream",
        "rtsp://geheim@10.0.0.1/stream",
        "rtsp://user:gehe@geheim@host/",
        "location=x user-pw=geheim ! decode",
        'location=x user-pw="ab geheim" ! decode',
        "http://host/?token=geheim&x=1",
        "PASSWORD = geheim",
        "geheim" * 7 + "=",
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str) -> None:
    assert "geheim" not in masked(text)
    assert "geheim" not in json.dumps(masked([{"x": text}]))


@pytest.mark.parametrize("text", ["/dev/video0", "nvarguscamerasrc sensor-id=0 ! video/x-raw", "Europe/Madrid"])
def test_ordinary_values_are_shown_as_they_are(text: str) -> None:
    assert masked(text) == text


def test_check_lists_all_problems_and_exits_with_10(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[camera]\nfps = 0\nfip = 1\n")
    assert run(monkeypatch, "config", "check", str(path)) == 10
    captured = capsys.readouterr()
    assert f"{path}:2: camera.fps" in captured.out
    assert f"{path}:3: camera.fip: no such setting" in captured.out
    assert "docs/configuration.md" in captured.err
    assert run(monkeypatch, "config", "check", str(path), "--json") == 10
    listed = json.loads(capsys.readouterr().out)
    assert not listed["ok"]
    assert [problem["line"] for problem in listed["problems"]] == [2, 3]


def test_check_says_when_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    assert run(monkeypatch, "config", "check", str(file)) == 0
    assert "The configuration holds" in capsys.readouterr().out


def test_a_broken_configuration_does_not_keep_the_version_from_being_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "version", CLOCKFACE_CONFIG="/nowhere") == 0
    assert "clockface" in capsys.readouterr().out
    assert run(monkeypatch, "config", "show", CLOCKFACE_CONFIG="/nowhere") == 10
    assert "/nowhere: cannot be read" in capsys.readouterr().err


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run .venv/bin/python -m scripts.configuration_page"
