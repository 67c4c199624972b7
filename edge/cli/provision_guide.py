"""`clockface provision`: the whole way from an unpacked machine to a confirmed test event, guided or by a file.

Asks on a terminal, takes an answers file without questions, and goes on where it was interrupted. Trust
boundary: answers are validated by the models of the settings that they become; nothing secret is asked, kept or
printed.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from clockface.cli.terminal import printable
from clockface.errors import ConfigError
from edge.cli.context import Invocation, invocation
from edge.cli.doctor import EXIT_FAILED
from edge.cli.provision_steps import steps, walk
from edge.errors import ProvisioningError
from edge.provisioning import as_owner
from edge.setup import progress as kept
from edge.setup.answers import READER, Answers
from edge.setup.files import standing
from edge.setup.journey import Journey, Question, Waiting
from edge.setup.owners import prepare_folders
from edge.setup.progress import Progress
from edge.setup.receipt import read_receipt

EXIT_WAITING = 75  # EX_TEMPFAIL: nothing failed, come again
QUESTIONS = (
    ("device.site", "Site (lower-case letters, digits, hyphens)"),
    ("device.name", "This kiosk's name, unique in its site"),
    ("device.place", "Where it hangs, for people (may stay empty)"),
    ("device.timezone", "Time zone"),
    ("language.device", "Language of the screen"),
    ("camera.source", "Camera"),
    ("camera.device", "Camera's device or number"),
    ("attendance.direction", "What this kiosk records"),
    ("attendance.sole_kiosk", "Is it the site's only kiosk? (true or false)"),
    ("attendance.repeat_s", "Seconds within which the same person is not recorded again"),
    ("look.rotation_deg", "Rotation of the screen, degrees"),
)


AnswersFile = Annotated[
    Path | None, typer.Option("--answers", metavar="FILE", help="Answers in TOML; nothing is asked.")
]
Name = Annotated[str, typer.Option("--name", help="The device's name, over the answers file's.")]
BundlePath = Annotated[
    Path | None, typer.Option("--bundle", metavar="PATH", help="The office's bundle: file, folder, or -.")
]
OfficeFingerprint = Annotated[str, typer.Option("--office-fingerprint", help="As the office itself tells it.")]
SkipCamera = Annotated[bool, typer.Option("--skip-camera", help="Do not look through the camera.")]
ReplaceEdited = Annotated[
    bool, typer.Option("--replace-edited", help="Replace files that were edited by hand; .bak stays.")
]
TlsFolder = Annotated[
    Path | None, typer.Option("--tls", metavar="FOLDER", help="Folder of the courier's key, over the answers.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]


@dataclass(frozen=True, slots=True)
class Given:
    """What stands on the command line.

    Args:
        replaces: Whether this machine is to take the place of a broken or lost kiosk.
    """

    answers: Path | None
    name: str
    bundle: Path | None
    office_fingerprint: str
    skip_camera: bool
    replace_edited: bool
    dry_run: bool
    tls: Path | None
    replaces: bool = False

    @property
    def over(self) -> dict[str, Any]:
        """Settings that go over the answers."""
        over = {
            "device.name": self.name or None,
            "office.bundle": None if self.bundle is None else str(self.bundle),
            "office.fingerprint": self.office_fingerprint or None,
            "check.camera": False if self.skip_camera else None,
            "paths.tls": None if self.tls is None else str(self.tls.absolute()),
        }
        return {key: value for key, value in over.items() if value is not None}


def provision(
    context: typer.Context,
    answers: AnswersFile = None,
    name: Name = "",
    bundle: BundlePath = None,
    office_fingerprint: OfficeFingerprint = "",
    skip_camera: SkipCamera = False,
    replace_edited: ReplaceEdited = False,
    dry_run: DryRun = False,
    tls: TlsFolder = None,
) -> None:
    """Make a kiosk of this machine: questions or answers, keys, the office's bundle, a confirmed test."""
    if context.invoked_subcommand is None:
        given = Given(answers, name, bundle, office_fingerprint, skip_camera, replace_edited, dry_run, tls)
        _guide(invocation(context), given)


def replace(
    context: typer.Context,
    answers: AnswersFile = None,
    name: Name = "",
    bundle: BundlePath = None,
    office_fingerprint: OfficeFingerprint = "",
    skip_camera: SkipCamera = False,
    replace_edited: ReplaceEdited = False,
    dry_run: DryRun = False,
    tls: TlsFolder = None,
) -> None:
    """Let this machine take the place of a broken or lost kiosk: its name, new keys, a new epoch."""
    given = Given(
        answers, name, bundle, office_fingerprint, skip_camera, replace_edited, dry_run, tls, replaces=True
    )
    _guide(invocation(context), given)


def _guide(here: Invocation, given: Given) -> None:
    told = _told(here, given)
    folder = (here.config_path or _named(here) or here.reader.default_path).absolute().parent
    journey = Journey(
        progress=told,
        folder=folder,
        environment=here.environment,
        confirm=_confirmation(replace_edited=given.replace_edited),
    )
    if given.dry_run:
        _plan(journey)
        return
    _go(journey)


def _confirmation(*, replace_edited: bool) -> Callable[[Question], bool]:
    """Who says yes: the option for edited files, else a person at a terminal, else nobody."""

    def confirm(question: Question) -> bool:
        if question.about == "edited" and replace_edited:
            return True
        return sys.stdin.isatty() and bool(typer.confirm(question.text))

    return confirm


def _go(journey: Journey) -> None:
    prepare_folders(journey.answers.paths)
    journey.progress.keep()
    try:
        well = walk(journey)
    except Waiting as waiting:
        typer.echo(f"\nNot finished. {waiting}\nThen: {_again(journey)}")
        raise typer.Exit(EXIT_WAITING) from None
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(f"\nInterrupted; what is done stays. Go on: {_again(journey)}")
        raise typer.Exit(EXIT_WAITING) from None
    device = journey.answers.device
    typer.echo(f"\n{device.name} at {device.site} is provisioned, and its events reach the office.")
    if not well:
        typer.echo("Look at the steps marked with !; then: clockface doctor")
        raise typer.Exit(EXIT_FAILED)


def _again(journey: Journey) -> str:
    default = Path("/etc/clockface")
    config = "" if journey.folder == default else f" --config {journey.config_path}"
    return f"clockface{config} provision"


def _named(here: Invocation) -> Path | None:
    return here.reader.config_path(option=None, environment=here.environment)


def _told(here: Invocation, given_: Given) -> Progress:
    """Answers from the file, else from what was begun, else from questions; options go over them."""
    file = given_.answers
    if file is not None:
        if not file.exists():
            raise ConfigError("there is no such answers file", where=str(file), next_step="docs/operations.md")
        loaded = READER.load(file, {})
        answers = loaded.config
        given = tuple(key for key, origin in loaded.provenance.items() if origin != "default")
        before = _begun(answers.paths.state)
    else:
        state = _state_of(here)
        before = _begun(state)
        if before is None and not sys.stdin.isatty():
            raise ConfigError(
                "nothing was begun here, and there is no terminal to ask on",
                where=str(state),
                next_step="clockface provision --answers FILE; docs/operations.md shows one",
            )
        answers, given = (before.answers, before.given) if before is not None else _ask(here)
    answers, given = _over(answers, given, given_.over)
    _refuse_half_retired(answers.paths.state)
    if before is None:
        return Progress(answers, given, replaces=given_.replaces)
    _same_device(before, answers, replaces=given_.replaces)
    replaces = before.replaces or given_.replaces
    return Progress(answers, given, before.done, before.brokers, replaces, before.office)


def _begun(state: Path) -> Progress | None:
    with as_owner(state):
        return kept.load(state)


def _state_of(here: Invocation) -> Path:
    """Where the state lies, before there is a configuration too."""
    named = here.config_path or _named(here) or here.reader.default_path
    if named.exists():
        return here.config.paths.state
    return Path(here.environment.get("CLOCKFACE_PATHS__STATE") or Answers().paths.state)


def _refuse_half_retired(state: Path) -> None:
    """What is to be destroyed goes first."""
    with as_owner(state):
        receipt = read_receipt(state)
    if receipt is not None and receipt.destroyed_at is None:
        raise ProvisioningError(
            f"a retirement was interrupted here: {receipt.line}",
            where=str(state),
            next_step=f"clockface provision {'retire' if receipt.reason == 'retired' else 'move'}, to the end",
        )


def _same_device(before: Progress, answers: Answers, *, replaces: bool) -> None:
    was, now = before.answers.device, answers.device
    if replaces and "keys" in before.done and not before.replaces:
        raise ConfigError(
            f"this machine is a kiosk already, {was.name} of site {was.site}: it takes no other's place",
            where=str(before.answers.paths.state),
            next_step="clockface provision replace, on the new hardware; or clockface provision retire here",
        )
    if "keys" in before.done and (was.site, was.name) != (now.site, now.name):
        raise ConfigError(
            f"this machine is {was.name} of site {was.site}, the answers name {now.name} of {now.site}",
            where=str(before.answers.paths.state),
            next_step="correct device.site and device.name in the answers, or name another state folder",
        )


def _over(answers: Answers, given: tuple[str, ...], over: Mapping[str, Any]) -> tuple[Answers, tuple[str, ...]]:
    tree = answers.model_dump(mode="json")
    for key, value in over.items():
        section, _, field = key.partition(".")
        tree[section][field] = value
    return _answers(tree), (*given, *(key for key in over if key not in given))


def _answers(tree: Mapping[str, Any]) -> Answers:
    try:
        return Answers.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ConfigError(f"an answer does not fit: {where}: {fault['msg']}", where=where) from None


def _ask(here: Invocation) -> tuple[Answers, tuple[str, ...]]:
    """The questions, each checked as it is typed.

    Raises:
        typer.Exit: Somebody left off; nothing was done yet.
    """
    typer.echo("Clockface makes a kiosk of this machine. Enter takes what stands in brackets.")
    tree = Answers().model_dump(mode="json")
    given = []
    for name in ("state", "run"):  # as the daemon's own file has them
        if elsewhere := here.environment.get(f"CLOCKFACE_PATHS__{name.upper()}"):
            tree["paths"][name] = elsewhere
            given.append(f"paths.{name}")
    try:
        given += _questions(tree)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\nInterrupted before anything was done; the questions begin anew next time.")
        raise typer.Exit(EXIT_WAITING) from None
    return _answers(tree), tuple(given)


def _questions(tree: dict[str, Any]) -> list[str]:
    """Put what is typed into the answers; returns which settings that were."""
    given = []
    for key, text in QUESTIONS:
        if key == "camera.device" and tree["camera"]["source"] in ("remote", "replay"):
            continue
        section, _, field = key.partition(".")
        default = _zone() if key == "device.timezone" else tree[section][field]
        tree[section][field] = typer.prompt(text, default=default, value_proc=_checked(key))
        given.append(key)
        if tree["camera"]["source"] in ("remote", "replay") and key == "camera.source":
            which = "socket" if tree["camera"]["source"] == "remote" else "replay_path"
            tree["camera"][which] = typer.prompt(f"camera.{which}")
            given.append(f"camera.{which}")
    return given


def _checked(key: str) -> Any:
    """What typer calls with each typed answer: the setting's own type and bounds."""
    section, _, field = key.partition(".")
    model = type(getattr(Answers(), section))
    info = model.model_fields[field]
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[info.annotation, info])  # type: ignore[arg-type]

    def check(typed: Any) -> Any:
        try:
            return TypeAdapter(Any).dump_python(adapter.validate_python(typed), mode="json")
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            if fault["type"] == "string_pattern_mismatch":  # no pattern explains itself to anybody
                raise typer.BadParameter(f"that does not fit: {dict(QUESTIONS)[key]}") from None
            wrong = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
            raise typer.BadParameter(f"{wrong}; {READER.settings[key].allowed}") from None

    return check


def _zone() -> str:
    """The system's own zone as a suggestion."""
    try:
        found = str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
    except OSError:
        found = ""
    return found or "UTC"


def _plan(journey: Journey) -> None:
    """What would be done; nothing is written, opened or started."""
    typer.echo("Nothing is done; this would be:")
    for step in steps(journey):
        done = journey.progress.done.get(step.name)
        typer.echo(f"  {step.title}" + (f" (done {done})" if done else ""))
    for draft in journey.drafts():
        typer.echo(f"\n{draft.path} ({standing(draft).value}):\n{printable_lines(draft.text)}")


def printable_lines(text: str) -> str:
    """A file's text as it may go to a terminal."""
    return "\n".join(printable(line) for line in text.splitlines())
