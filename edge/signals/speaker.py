"""Tones and spoken prompts through ALSA: one `aplay` a sound, fed by a thread of its own.

A process and not a library, because a card that hangs then hangs a child that is ended, never the daemon. Fixed
arguments, an environment of named variables, samples through a pipe. The newest result wins; guidance waits
until it has stood for a moment, so that nobody who walks up normally is talked at.
"""

import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from edge.config.signals import SoundConfig
from edge.errors import SoundUnavailable
from edge.signals.prompts import load_prompts
from edge.signals.tones import NOTICES, RATE_HZ, Samples, joined, pcm, silence, tone
from edge.types.announcements import Announcement, Notice
from edge.types.faces import Coaching

GUIDANCE_AFTER_S = 0.8
POLL_S = 0.05  # how soon a newer sound is noticed while one plays
JOIN_S = 2.0
LATE_S = 5.0  # a card that takes so much longer than the sound hangs
PASSED = ("PATH", "HOME", "ALSA_CONFIG_PATH", "XDG_RUNTIME_DIR")
INSTALL = "apt-get install alsa-utils"
LANGUAGES = frozenset({"en", "es", "ar", "de", "fr", "hi", "zh", "pt"})
LOOK = "aplay -l; add the daemon's user to the group audio; set signals.sound.device"

log = structlog.get_logger(__name__)


class Sounds:
    """What is played for what is announced; everything is made when the daemon starts.

    Args:
        settings: Tones, prompts, guidance and language.

    Raises:
        SoundUnavailable: The prompts are not there or not ours.
    """

    def __init__(self, settings: SoundConfig) -> None:
        self._settings = settings
        spoken = load_prompts(settings.language) if settings.prompts or settings.guidance else {}
        self._guidance = spoken if settings.guidance else {}
        self._own = self._spoken_results(spoken)
        self._visitor: tuple[str, dict[Notice, Samples]] = (settings.language, self._own)

    def _spoken_results(self, spoken: Mapping[str, Samples]) -> dict[Notice, Samples]:
        results = {}
        for notice in NOTICES:
            parts = [tone(notice)] if self._settings.tones else []
            if self._settings.prompts and notice.value in spoken:
                parts += [silence(0.12), spoken[notice.value]]
            results[notice] = joined(parts)
        return results

    def result(self, notice: Notice, *, language: str = "") -> Samples | None:
        """The sound of a result, spoken in the person's language if there are prompts in it; None for nothing.

        Of languages besides the device's the last one stays in memory. Reads files: not for the loop's thread.
        """
        samples = self._results(language).get(notice)
        return samples if samples is not None and len(samples) else None

    def _results(self, language: str) -> dict[Notice, Samples]:
        wanted = language.partition("-")[0].lower()
        if not self._settings.prompts or wanted == self._settings.language or wanted not in LANGUAGES:
            return self._own
        if self._visitor[0] != wanted:
            try:
                self._visitor = (wanted, self._spoken_results(load_prompts(wanted)))
            except SoundUnavailable as error:
                log.error("signal_failed", error=error)  # noqa: TRY400 - its message says what to do
                return self._own
        return self._visitor[1]

    def guidance(self, coaching: Coaching, *, side: str | None) -> Samples | None:
        """The request as speech; `side` says to which side somebody should move."""
        if coaching is Coaching.MOVE_INTO_VIEW:
            return self._guidance.get(f"move_{side}" if side else "step_back")
        name = "several_people" if coaching is Coaching.ONE_AT_A_TIME else coaching.value
        return self._guidance.get(name)


class Speaker:
    """Plays sounds, one at a time.

    Args:
        settings: Device and volume.
        sounds: What to play.
        volume_percent: How loud it is to be now; 0 plays nothing.
        environment: Of the process; what ALSA needs of it is passed on.
        now_s: Monotonic seconds.
    """

    def __init__(
        self,
        settings: SoundConfig,
        *,
        sounds: Sounds,
        volume_percent: Callable[[], int],
        environment: Mapping[str, str],
        now_s: Callable[[], float],
    ) -> None:
        self.problem: SoundUnavailable | None = None
        self._sounds = sounds
        self._volume_percent = volume_percent
        self._now_s = now_s
        self._command = ["aplay", "-q", "-D", settings.device or "default", "-t", "raw", "-f", "S16_LE"]
        self._command += ["-r", str(RATE_HZ), "-c", "1", "-"]
        self._environment = {name: environment[name] for name in PASSED if name in environment}
        self._changed = threading.Condition()
        self._first: Samples | None = silence(POLL_S)  # says at once whether there is a card
        self._result: tuple[Notice, str] | None = None
        self._guidance: tuple[float, Samples] | None = None
        self._out = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)
        self._thread.start()

    def take(self, announcement: Announcement, *, side: str | None = None) -> None:
        """Hand over and go on; an older sound that still plays is cut off by a newer result."""
        notice = announcement.notice
        if notice is Notice.MESSAGE:
            return
        with self._changed:
            again = notice is Notice.OUT_OF_SERVICE and self._out
            self._out = notice is Notice.OUT_OF_SERVICE
            self._guidance = None
            if notice is Notice.GUIDANCE and announcement.coaching is not None:
                words = self._sounds.guidance(announcement.coaching, side=side)
                self._guidance = None if words is None else (self._now_s() + GUIDANCE_AFTER_S, words)
            elif not again:
                self._result = (notice, announcement.language) if notice in NOTICES else self._result
            self._changed.notify()

    def close(self) -> None:
        """Fall silent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while (samples := self._next()) is not None:
            volume_percent = self._volume_percent()
            if volume_percent:
                self._play(pcm(samples, volume_percent=volume_percent), len(samples) / RATE_HZ)

    def _next(self) -> Samples | None:
        """Wait for something to play; None at the end."""
        while True:
            awaited = self._awaited()
            if not isinstance(awaited, tuple):
                return awaited
            samples = self._sounds.result(awaited[0], language=awaited[1])
            if samples is not None:
                return samples

    def _awaited(self) -> Samples | tuple[Notice, str] | None:
        with self._changed:
            while not self._closed:
                if self._first is not None:
                    samples, self._first = self._first, None
                    return samples
                if self._result is not None:
                    result, self._result = self._result, None
                    return result
                wait_s = None
                if self._guidance is not None:
                    due_s, words = self._guidance
                    wait_s = due_s - self._now_s()
                    if wait_s <= 0:
                        self._guidance = None
                        return words
                self._changed.wait(wait_s)
        return None

    def _play(self, samples: bytes, length_s: float) -> None:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            self._note("aplay is not installed" if missing else "aplay does not start", INSTALL)
            return
        with process:
            try:
                code = self._fed(process, samples, until_s=self._now_s() + length_s + LATE_S)
            finally:
                process.kill()
        if code is None:
            self._note("the sound card takes no sound: it hangs", LOOK)
        elif code > 0:
            self._note("the sound card cannot be opened or played on", LOOK)
        else:
            self.problem = None

    def _fed(self, process: "subprocess.Popen[bytes]", samples: bytes, *, until_s: float) -> int | None:
        """Aplay's exit code; 0 if a newer sound cut it off, None if it hangs."""
        while self._now_s() < until_s:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(samples, timeout=POLL_S)
                return process.returncode
            with self._changed:
                if self._closed or self._result is not None:
                    return 0
        return None

    def _note(self, what: str, next_step: str) -> None:
        error = SoundUnavailable(what, where=self._command[3], next_step=next_step)
        if str(error) != str(self.problem):
            log.error("signal_failed", error=error)
        self.problem = error
