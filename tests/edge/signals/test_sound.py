"""Tones and prompts: told apart without an ear for pitch, true to their manifest, played through real ALSA."""

import shutil
import statistics
import time
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from edge.config.signals import SoundConfig
from edge.errors import SoundUnavailable
from edge.signals.prompts import FOLDER, MANIFEST, load_prompts
from edge.signals.speaker import Sounds, Speaker
from edge.signals.tones import NOTICES, RATE_HZ, pcm, rhythm, tone
from edge.types.announcements import Announcement, Notice
from edge.types.faces import Coaching
from tests.edge.signals.given import eventually, recorded

LANGUAGES = ("en", "es", "ar", "de", "fr", "hi", "zh", "pt")
MOST_BYTES = 2_500_000
needs_aplay = pytest.mark.skipif(shutil.which("aplay") is None, reason="aplay is not installed here")


def test_no_two_tones_have_one_rhythm() -> None:
    for one, other in combinations(sorted(NOTICES), 2):
        assert rhythm(one) != rhythm(other), (one, other)


@pytest.mark.parametrize("notice", sorted(NOTICES))
def test_a_tone_is_heard_and_never_clipped(notice: Notice) -> None:
    samples = tone(notice)
    assert 0.3 < float(np.abs(samples).max()) < 1.0
    assert abs(float(samples[0])) < 0.01
    assert 0.2 < len(samples) / RATE_HZ < 2.5


def test_volume_is_in_the_samples() -> None:
    samples = tone(Notice.RECORDED)
    loud, soft = (np.frombuffer(pcm(samples, volume_percent=each), "<i2") for each in (100, 50))
    assert np.abs(loud).max() == pytest.approx(4 * np.abs(soft).max(), abs=8)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_and_says_it_audibly(language: str) -> None:
    prompts = load_prompts(language)
    texts = tomllib.loads((FOLDER / "texts.toml").read_text(encoding="utf-8"))
    assert set(prompts) == set(texts[language]) - {"voice"} == set(load_prompts("en"))
    for name, samples in prompts.items():
        assert 0.3 < len(samples) / RATE_HZ < 6.0, name
        assert float(np.abs(samples).max()) > 0.5, name
        assert float(np.sqrt(np.mean(samples**2))) > 0.03, name


def test_every_coaching_code_can_be_spoken() -> None:
    sounds = Sounds(SoundConfig(device="null", guidance=True))
    assert all(sounds.guidance(each, side=None) is not None for each in Coaching)
    left, right = (sounds.guidance(Coaching.MOVE_INTO_VIEW, side=side) for side in ("left", "right"))
    assert left is not None
    assert right is not None
    assert len(left) != len(right)


def test_prompts_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.ul")) < MOST_BYTES


def test_every_file_is_in_the_manifest_and_no_other() -> None:
    manifest = tomllib.loads((FOLDER / MANIFEST).read_text(encoding="utf-8"))["prompts"]
    named = {f"{language}/{name}.ul" for language, hashes in manifest.items() for name in hashes}
    assert named == {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.ul")}


def test_a_prompt_that_was_altered_or_lost_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "prompts")
    one = tmp_path / "prompts" / "de" / "recorded.ul"
    one.write_bytes(one.read_bytes()[:-1])
    with pytest.raises(SoundUnavailable, match="not the one"):
        load_prompts("de", folder=tmp_path / "prompts")
    one.unlink()
    with pytest.raises(SoundUnavailable, match="cannot be read"):
        load_prompts("de", folder=tmp_path / "prompts")


class Room:
    """An ALSA device that writes what it is given into a file."""

    def __init__(self, folder: Path) -> None:
        self.heard = folder / "heard.raw"
        (folder / "asound.conf").write_text(
            f'</usr/share/alsa/alsa.conf>\npcm.room {{ type file; slave.pcm "null"; file "{self.heard}"; '
            'format "raw" }\n'
        )
        self.environment = {"PATH": "/usr/bin:/bin", "ALSA_CONFIG_PATH": str(folder / "asound.conf")}
        self.volume = 100

    def speaker(self, device: str = "room", **settings: object) -> Speaker:
        config = SoundConfig.model_validate({"device": device} | settings)
        return Speaker(
            config,
            sounds=Sounds(config),
            volume_percent=lambda: self.volume,
            environment=self.environment,
            now_s=time.monotonic,
        )

    def samples(self) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
        return np.frombuffer(self.heard.read_bytes() if self.heard.exists() else b"", "<i2")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@needs_aplay
def test_a_record_is_heard_as_its_tone_and_its_words(room: Room) -> None:
    speaker = room.speaker(prompts=True, language="es")
    eventually(lambda: len(room.samples()) >= 2400)
    sound = Sounds(SoundConfig(device="x", prompts=True, language="es")).result(Notice.RECORDED)
    assert sound is not None
    wanted = np.trim_zeros(np.frombuffer(pcm(sound, volume_percent=100), "<i2"))
    speaker.take(recorded())
    eventually(lambda: len(np.trim_zeros(room.samples())) >= len(wanted))
    speaker.close()
    assert np.trim_zeros(room.samples()).tolist() == wanted.tolist()
    assert speaker.problem is None


@pytest.mark.parametrize(
    ("person", "heard"), [("es", "es"), ("es-MX", "es"), ("AR", "ar"), ("xx", "en"), ("", "en")]
)
def test_a_person_hears_their_own_language_where_there_are_prompts_in_it(person: str, heard: str) -> None:
    sounds = Sounds(SoundConfig(device="x", prompts=True))
    own = Sounds(SoundConfig.model_validate({"device": "x", "prompts": True, "language": heard}))
    for notice in NOTICES:
        sound, wanted = sounds.result(notice, language=person), own.result(notice)
        assert sound is not None
        assert np.array_equal(sound, np.zeros(0) if wanted is None else wanted)


@needs_aplay
def test_the_speaker_plays_what_is_announced_in_the_person_s_language(room: Room) -> None:
    speaker = room.speaker(prompts=True, tones=False, language="en")
    eventually(lambda: len(room.samples()) >= 2400)
    sound = Sounds(SoundConfig(device="x", prompts=True, tones=False)).result(Notice.VOIDED, language="de")
    assert sound is not None
    wanted = np.trim_zeros(np.frombuffer(pcm(sound, volume_percent=100), "<i2"))
    speaker.take(Announcement(Notice.VOIDED, language="de"))
    eventually(lambda: len(np.trim_zeros(room.samples())) >= len(wanted))
    speaker.close()
    assert np.trim_zeros(room.samples()).tolist() == wanted.tolist()


@needs_aplay
def test_in_silence_nothing_is_played(room: Room) -> None:
    room.volume = 0
    speaker = room.speaker()
    speaker.take(recorded())
    speaker.close()
    assert not room.heard.exists()


@needs_aplay
def test_guidance_is_spoken_only_once_it_has_stood_and_a_result_takes_its_place(room: Room) -> None:
    speaker = room.speaker(guidance=True, tones=False)
    eventually(lambda: len(room.samples()) >= 2400)
    speaker.take(Announcement(Notice.GUIDANCE, coaching=Coaching.COME_CLOSER))
    speaker.take(recorded())  # before it was due; and without tones or prompts nothing is heard
    speaker.take(Announcement(Notice.GUIDANCE, coaching=Coaching.LOOK_HERE))
    words = Sounds(SoundConfig(device="x", guidance=True)).guidance(Coaching.LOOK_HERE, side=None)
    assert words is not None
    eventually(lambda: np.abs(room.samples()).max(initial=0) > 1000)
    speaker.close()
    assert len(room.samples()) - 2400 <= len(words) + 4096  # one of the two, not both


@needs_aplay
def test_a_card_that_is_not_there_is_named_and_nothing_stops(room: Room) -> None:
    speaker = room.speaker(device="plughw:CARD=Nowhere")
    eventually(lambda: speaker.problem is not None)
    assert "aplay -l" in str(speaker.problem)
    speaker.take(recorded())
    speaker.close()


def test_a_player_that_is_not_installed_is_named(room: Room, tmp_path: Path) -> None:
    room.environment["PATH"] = str(tmp_path)
    speaker = room.speaker()
    eventually(lambda: speaker.problem is not None)
    assert "alsa-utils" in str(speaker.problem)
    speaker.close()


def test_announcing_waits_for_no_card(room: Room, tmp_path: Path) -> None:
    hanging = tmp_path / "aplay"
    hanging.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    hanging.chmod(0o755)
    room.environment["PATH"] = str(tmp_path)
    speaker = room.speaker()
    took = []
    for index in range(500):
        began = time.perf_counter()
        speaker.take(Announcement(Notice.NOT_RECOGNISED if index % 2 else Notice.ATTRACT))
        took.append(time.perf_counter() - began)
    began = time.monotonic()
    speaker.close()
    assert time.monotonic() - began < 2.0  # the child is ended, not waited for
    assert statistics.median(took) < 0.001


@pytest.mark.parametrize("device", ["-Dx", "a b", "x;reboot", "$(id)", ""])
def test_a_devices_name_is_nothing_but_a_name(device: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        SoundConfig(device=device)


def test_a_card_with_nothing_to_play_is_refused() -> None:
    with pytest.raises(ValueError, match="plays nothing"):
        SoundConfig(device="default", tones=False)
