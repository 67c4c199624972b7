"""`clockface site`: one key for a site's kiosks, given by fingerprint, kept on paper."""

import io
import json
import re
from pathlib import Path

import pytest

from clockface.errors import ConfigError, SecretInvalid, SecretMissing, SecretWrong
from edge.store.sitekey import SiteKeyPlace, SiteKeys, load_site_keys, was_made_here
from tests.clockface.cli.test_config import run

WORDS = "correct horse battery staple seven"


class Kiosk:
    """An initialised device, and commands on it."""

    def __init__(
        self,
        folder: Path,
        name: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        site: str = "madrid",
    ) -> None:
        self.folder, self.name, self.site = folder / name, name, site
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.state = self.folder / "state"
        (self.folder / "tls").mkdir(parents=True)
        self.words = self.file("words", WORDS)
        assert self("init") == 0

    def __call__(self, *arguments: str) -> int:
        self.capsys.readouterr()
        return run(
            self.monkeypatch,
            *arguments,
            CLOCKFACE_PATHS__STATE=str(self.state),
            CLOCKFACE_DEVICE__NAME=self.name,
            CLOCKFACE_DEVICE__SITE=self.site,
        )

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def make(self) -> str:
        """Make a site key; returns the recovery text."""
        assert self("site", "init", "--yes", "--passphrase-file", self.words) == 0
        return recovery_text(self.capsys.readouterr().out)

    def request(self) -> str:
        out = str(self.folder / "request")
        assert self("provision", "request", "--out", out, "--tls", str(self.folder / "tls")) == 0
        return out

    @property
    def shown(self) -> dict:
        assert self("site", "show", "--json") == 0
        found: dict = json.loads(self.capsys.readouterr().out)
        return found

    @property
    def keys(self) -> SiteKeys | None:
        return load_site_keys(SiteKeyPlace(self.state, None))


def recovery_text(printed: str) -> str:
    lines = [line for line in printed.splitlines() if re.fullmatch(r"(?:[A-Z2-7]{4} ?){4}", line)]
    assert len(lines) == 8
    return "\n".join(lines)


@pytest.fixture
def kiosks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Kiosk, Kiosk]:
    first, second = (Kiosk(tmp_path, name, monkeypatch, capsys) for name in ("first", "second"))
    return first, second


def given(first: Kiosk, second: Kiosk) -> str:
    """The first kiosk's key, wrapped for the second."""
    out = str(second.folder / "wrapped")
    fingerprint = second.shown["fingerprint"]
    assert first("site", "wrap", second.request(), "--out", out, "--fingerprint", fingerprint) == 0
    return out


def test_a_site_key_goes_from_kiosk_to_kiosk_by_two_compared_fingerprints(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, second = kiosks
    first.make()
    assert (first.state / "keys" / "site_key").stat().st_mode & 0o777 == 0o400
    wrapped = given(first, second)
    (key,) = first.shown["site_keys"]
    assert second("site", "accept", wrapped, "--fingerprint", key) == 0
    assert second.shown["site_keys"] == [key]
    assert first.keys is not None
    assert second.keys is not None
    assert second.keys.sealing.secret == first.keys.sealing.secret
    assert first.keys.sealing.secret not in Path(wrapped).read_bytes()
    assert was_made_here(SiteKeyPlace(first.state, None), first.keys.sealing)
    assert not was_made_here(SiteKeyPlace(second.state, None), second.keys.sealing)


def test_a_fingerprint_that_does_not_fit_gives_and_takes_nothing(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, second = kiosks
    first.make()
    out = second.folder / "wrapped"
    own = first.shown["fingerprint"]
    assert (
        first("site", "wrap", second.request(), "--out", str(out), "--fingerprint", own)
        == SecretInvalid.exit_code
    )
    assert not out.exists()
    wrapped = given(first, second)
    assert second("site", "accept", wrapped, "--fingerprint", "0" * 32) == SecretInvalid.exit_code
    assert second.keys is None


def test_a_wrapped_key_opens_on_no_other_device_and_an_altered_one_nowhere(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, second = kiosks
    first.make()
    wrapped, key = given(first, second), first.shown["site_keys"][0]
    first.request()
    assert first("site", "accept", wrapped, "--fingerprint", key) == SecretInvalid.exit_code
    raw = Path(wrapped).read_text()
    altered = second.file("altered", raw.replace(raw[40], "A" if raw[40] != "A" else "B", 1))
    assert second("site", "accept", altered, "--fingerprint", key) == SecretInvalid.exit_code
    assert second.keys is None


def test_the_request_of_another_site_gets_no_key(
    kiosks: tuple[Kiosk, Kiosk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, _ = kiosks
    first.make()
    stranger = Kiosk(tmp_path, "stranger", monkeypatch, capsys, site="paris")
    request, fingerprint = stranger.request(), stranger.shown["fingerprint"]
    out = str(tmp_path / "wrapped")
    assert first("site", "wrap", request, "--out", out, "--fingerprint", fingerprint) == SecretInvalid.exit_code


def test_paper_and_passphrase_bring_the_key_back_and_neither_does_alone(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, second = kiosks
    paper = second.file("paper", first.make().lower())
    wrong = second.file("wrong", "another passphrase altogether")
    recover = ("site", "recover", "--text-file", paper, "--passphrase-file")
    assert second(*recover, wrong) == SecretWrong.exit_code
    slip = second.file("slip", Path(paper).read_text().replace("a", "b", 1))
    assert second("site", "recover", "--text-file", slip, "--passphrase-file", second.words) in {
        SecretInvalid.exit_code
    }
    assert second.keys is None
    assert second(*recover, second.words) == 0
    assert second.shown["site_keys"] == first.shown["site_keys"]


def test_a_rotation_puts_a_new_key_in_front_and_keeps_the_old_one_to_open(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, _ = kiosks
    first.make()
    (old,) = first.shown["site_keys"]
    assert first("site", "rotate", "--yes", "--passphrase-file", first.words) == 0
    new, kept = first.shown["site_keys"]
    assert kept == old
    assert new != old


def test_init_says_beforehand_what_a_loss_means_and_makes_no_second_key(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, second = kiosks
    assert first("site", "init", "--yes", "--passphrase-file", first.words) == 0
    printed = first.capsys.readouterr().out
    assert printed.index("everybody has to be enrolled again") < printed.index("Recovery text")
    assert first("site", "init", "--yes", "--passphrase-file", first.words) == SecretInvalid.exit_code
    short = second.file("short", "too short")
    assert second("site", "init", "--yes", "--passphrase-file", short) == SecretInvalid.exit_code
    assert second.keys is None


def test_what_is_missing_is_said_with_the_next_command(kiosks: tuple[Kiosk, Kiosk]) -> None:
    first, _ = kiosks
    assert first("site", "rotate", "--yes", "--passphrase-file", first.words) == SecretMissing.exit_code
    assert "clockface site init" in " ".join(first.capsys.readouterr().err.split())
    assert first("site", "accept", str(first.folder / "nothing")) in {
        ConfigError.exit_code,
        SecretMissing.exit_code,
    }
    assert first("site", "show") == 0
    assert "templates stay on this kiosk" in first.capsys.readouterr().out


def test_a_key_file_that_others_can_read_or_that_holds_something_else_is_refused(
    kiosks: tuple[Kiosk, Kiosk],
) -> None:
    first, second = kiosks
    first.make()
    (first.state / "keys" / "site_key").chmod(0o444)
    assert first("site", "show") == SecretInvalid.exit_code
    file = second.state / "keys" / "site_key"
    file.write_text("not a key")
    file.chmod(0o400)
    assert second("site", "show") == SecretInvalid.exit_code


def test_a_rotation_reaches_the_kiosks_that_stay_without_comparing_anew_and_not_the_one_that_is_gone(
    kiosks: tuple[Kiosk, Kiosk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = kiosks
    third = Kiosk(tmp_path, "third", monkeypatch, capsys)
    first.make()
    for other in (second, third):
        assert other("site", "accept", given(first, other), "--fingerprint", first.shown["site_keys"][0]) == 0
    stick = tmp_path / "stick"
    stick.mkdir()
    rotate = ("site", "rotate", "--yes", "--passphrase-file", first.words, "--without", "third", "--out")
    assert first(*rotate, str(tmp_path / "nowhere")) == ConfigError.exit_code
    assert first(*rotate, str(stick)) == 0
    assert [path.name for path in stick.iterdir()] == ["site-key-second.json"]
    assert second("site", "accept", str(stick)) == 0
    new = first.shown["site_keys"][0]
    assert second.shown["site_keys"][0] == new
    assert third("site", "accept", str(stick)) == ConfigError.exit_code
    (stick / "site-key-third.json").write_bytes((stick / "site-key-second.json").read_bytes())
    assert third("site", "accept", str(stick)) == SecretInvalid.exit_code
    assert new not in third.shown["site_keys"]


def test_a_key_from_a_stranger_of_the_same_name_is_still_compared(
    kiosks: tuple[Kiosk, Kiosk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = kiosks
    first.make()
    assert second("site", "accept", given(first, second), "--fingerprint", first.shown["site_keys"][0]) == 0
    before = second.shown["site_keys"]
    stranger = Kiosk(tmp_path / "elsewhere", "first", monkeypatch, capsys)
    stranger.make()
    wrapped = given(stranger, second)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert second("site", "accept", wrapped) == 1
    assert "fingerprint, as `clockface site show` prints it on first" in capsys.readouterr().out
    assert second.shown["site_keys"] == before
