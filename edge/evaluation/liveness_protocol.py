"""A site's own test of its kiosk: a person in front of the camera shows themselves, then prints and screens.

The tester is enrolled in memory for as long as it lasts; the ledger is not opened, no picture is kept, and the
report names people by number only. Runs of several people add up in one report: claims count people.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import EvaluationError
from edge.evaluation import liveness_rates
from edge.evaluation.liveness_trial import ENROLMENT_FRAMES, Response, Result, Trial
from edge.evaluation.presentations import Kind, Presentation
from edge.evaluation.report import JsonObject
from edge.inference.decision import CHALLENGE_MOST_S
from edge.ports import Camera
from edge.types.faces import Coaching, Embedding, Frame
from edge.types.identity import ModelHash
from edge.types.verdicts import Scene

BONA_FIDE = "bona_fide"
WINDOW_S = 8.0
"""Longest try: longer than the pipeline's own time limit, so that it is the pipeline that ends a try."""
CHALLENGE_WINDOW_S = WINDOW_S + CHALLENGE_MOST_S
"""The same where the policy may ask for something."""
ENROL_S = 20.0
SILENCE_S = 5.0
MAX_REPORT_BYTES = 8 * 1024 * 1024
Say = Callable[[str], None]
Ask = Callable[[str], str]
SKIP, FINISH = "s", "q"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do several times.

    Args:
        group: The species, or BONA_FIDE.
        instruction: What the tester is asked to do.
        times: How often.
    """

    group: str
    instruction: str
    times: int


STEPS = (
    Step(BONA_FIDE, "Walk up and look at the camera, as on any morning. Step away afterwards.", 10),
    Step("print", "Hold the colour print of your face flat before the camera, where your face would be.", 5),
    Step("print-bent", "Hold the same print bent around an upright axis, and turn it a little.", 5),
    Step(
        "phone-photo", "Show your photograph on the phone, screen bright, without your fingers on the face.", 5
    ),
    Step("phone-video", "Play a video of your face on the phone, held before the camera.", 5),
    Step("screen-video", "Play the same video on a tablet or laptop that fills the camera's picture.", 5),
    Step("mask", "Wear the print with the eyes cut out as a mask, and blink.", 5),
)
"""Forty tries, about half a minute each. The kinds of attack are those that need no craft."""


class Row(BaseModel):
    """One presentation in a report's file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    group: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
    person: Annotated[int, Field(ge=1, le=100_000)]
    response: Response
    reason: Annotated[str, Field(max_length=80)]
    score: Annotated[float, Field(ge=0, le=1)] | None
    recorded: bool
    frames: Annotated[int, Field(ge=0)]
    response_s: float | None
    judge_s: float
    simulated: bool = False

    @classmethod
    def of(cls, result: Result, *, person: int, simulated: bool) -> "Row":
        """What is kept of a result."""
        return cls(
            group=result.presentation.group,
            person=person,
            response=result.response,
            reason=result.reason,
            score=result.score,
            recorded=result.recorded,
            frames=result.frames,
            response_s=result.response_s,
            judge_s=result.judge_s,
            simulated=simulated,
        )

    def result(self) -> Result:
        """The result again, for the rates."""
        person = f"person {self.person}"
        return Result(
            Presentation(Path(person), Kind.CLIP, self.group, person),
            self.response,
            self.reason,
            score=self.score,
            recorded=self.recorded,
            frames=self.frames,
            response_s=self.response_s,
            judge_s=self.judge_s,
            enrolled=True,
        )


class Record(BaseModel):
    """A report's file: what was tried, with which policy and recognition chain."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    policy: str
    chain: str
    begun: datetime
    rows: tuple[Row, ...] = ()

    @property
    def people(self) -> int:
        """How many people took part so far."""
        return max((row.person for row in self.rows), default=0)

    def with_rows(self, rows: Sequence[Row]) -> "Record":
        """The record with more presentations."""
        return self.model_copy(update={"rows": (*self.rows, *rows)})


def window_of(policy: str) -> float:
    """The longest try that a policy needs, seconds."""
    return CHALLENGE_WINDOW_S if policy.startswith("challenge") else WINDOW_S


def read_record(path: Path, *, policy: str, chain: ModelHash, now: datetime) -> Record:
    """The record that a file holds, or a new one if there is no file.

    Raises:
        EvaluationError: It is no record, or one of another policy or recognition chain.
    """
    if not path.exists():
        return Record(policy=policy, chain=chain, begun=now)
    try:
        with path.open("rb") as file:
            record = Record.model_validate_json(file.read(MAX_REPORT_BYTES))
    except OSError as error:
        raise EvaluationError(f"the report cannot be read: {error.strerror}", where=str(path)) from error
    except ValidationError as error:
        raise EvaluationError(
            "the file is no report of this command",
            where=str(path),
            next_step="name another file with --report",
        ) from error
    if (record.policy, record.chain) != (policy, chain):
        raise EvaluationError(
            f"the report is of policy {record.policy} and chain {record.chain[:12]}, this kiosk runs "
            f"{policy} and {chain[:12]}: they cannot be added up",
            where=str(path),
            next_step="name another file with --report",
        )
    return record


def write_record(path: Path, record: Record) -> None:
    """Replace the file as a whole.

    Raises:
        EvaluationError: It cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(record.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise EvaluationError(f"the report cannot be written: {error.strerror}", where=str(path)) from error


def report_of(record: Record) -> JsonObject | None:
    """The rates of all presentations; None until there are bona fide ones and attacks."""
    results = [row.result() for row in record.rows]
    living = [r for r in results if r.presentation.group == BONA_FIDE]
    attacks = [r for r in results if r.presentation.group != BONA_FIDE]
    if not living or not attacks:
        return None
    return {"policy": record.policy, **liveness_rates.evaluate(living, attacks)}


class Session:
    """One tester's half hour.

    Args:
        camera: The kiosk's own.
        trial: The pipeline that watches.
        say: Tells the tester something.
        ask: Asks, and waits for a line.
        window_s: Longest try, on the camera's clock.
    """

    def __init__(self, camera: Camera, trial: Trial, *, say: Say, ask: Ask, window_s: float = WINDOW_S) -> None:
        self._camera, self._trial, self._say, self._ask = camera, trial, say, ask
        self._window_s = window_s
        self._templates: list[Embedding] = []
        self._coaching: Coaching | None = None

    def enrol(self) -> None:
        """Know the tester, in memory, from good frames of theirs.

        Raises:
            EvaluationError: No good face came before the camera.
        """
        self._ask("Stand before the kiosk and look at the camera, nobody else in the picture. Enter when ready")
        for frame in self._frames(ENROL_S):
            face = self._trial.analyser.subject(frame.image)
            if face is not None and face.quality.acceptable:
                self._templates.append(self._trial.analyser.template(frame.image, face))
            if len(self._templates) == ENROLMENT_FRAMES:
                return
        raise EvaluationError(
            f"no face good enough to know the tester by in {ENROL_S:.0f} s",
            next_step="clockface doctor, for the camera; then try again closer and in better light",
        )

    def run(self, steps: Sequence[Step]) -> Iterator[Result]:
        """Go through the steps; each try's result as it comes. A tester may skip a step or finish early."""
        total = sum(step.times for step in steps)
        done = 0
        for step in steps:
            self._say(f"\n{step.group}: {step.instruction}")
            for turn in range(step.times):
                answer = self._ask(
                    f"[{done + 1}/{total}] Enter when ready, {SKIP} skips {step.group}, {FINISH} ends"
                )
                if answer.strip().lower() == FINISH:
                    return
                if answer.strip().lower() == SKIP:
                    done += step.times - turn
                    break
                done += 1
                result = self._try(step.group, turn)
                self._say(_told(result))
                yield result

    def _try(self, group: str, turn: int) -> Result:
        presentation = Presentation(Path(f"{group}-{turn + 1}"), Kind.CLIP, group, "tester")
        self._coaching = None
        return self._trial.watch(
            presentation,
            self._frames(self._window_s),
            templates=self._templates,
            until_verdict=True,
            looking=self._pass_on,
        )

    def _pass_on(self, scene: Scene) -> None:
        """Say what the kiosk's screen would ask for, when it changes."""
        if scene.coaching is not self._coaching and scene.coaching is not None:
            self._say(f"  the kiosk asks: {scene.coaching.value.replace('_', ' ')}")
        self._coaching = scene.coaching

    def _frames(self, seconds: float) -> Iterator[Frame]:
        """Frames of the next seconds, on the camera's clock.

        Raises:
            EvaluationError: The camera gave none.
        """
        first_s: float | None = None
        while True:
            frame = self._camera.read(timeout_s=SILENCE_S)
            if frame is None:
                health = self._camera.health()
                raise EvaluationError(
                    f"the camera gives no pictures ({health.state.value}) {health.problem}".rstrip(),
                    next_step="clockface doctor",
                )
            first_s = frame.captured_s if first_s is None else first_s
            if frame.captured_s - first_s > seconds:
                return
            yield frame


def _told(result: Result) -> str:
    words = {
        Response.BONA_FIDE: "taken for a living person",
        Response.ATTACK: "refused as an attack",
        Response.NONE: "no response",
    }
    outcome = "; would have been RECORDED" if result.recorded else "; not recorded"
    waited = "" if result.response_s is None else f" after {result.response_s:.1f} s"
    return f"  {words[result.response]}{waited} ({result.reason}){outcome}"
