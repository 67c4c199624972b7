"""What `clockface provision` does, step by step; each is idempotent and says what it found.

Trust boundary: as of the commands that the steps stand for (init, provision request and apply, site, doctor,
provision test): they are called, not repeated.
"""

import os
import sys

import typer
from rich.console import Console
from rich.text import Text

from clockface.cli.terminal import printable
from edge.api.client import EdgeClient
from edge.camera.source import boottime_s
from edge.cli.doctor import examine, show
from edge.cli.init import initialise
from edge.cli.provision import make_request, take_bundle
from edge.cli.provision_bundle import bundle_of
from edge.cli.provision_trial import trial_or_why
from edge.cli.site import holds_site_key, make_site_key, take_site_key
from edge.clock import system_wall
from edge.config.recognition import InferenceConfig
from edge.doctor.findings import Health
from edge.errors import ApiError, BundleRefused, EdgeUnreachable, ModelError, ProvisioningError
from edge.provisioning import CERTIFICATE_FILE, REQUEST_FILE, as_owner
from edge.setup.journey import Journey, Outcome, Question, Step, Waiting, start_services, until
from edge.setup.look import look
from edge.setup.owners import prepare_folders
from edge.setup.qr import code
from edge.store.store import ledger_path
from sync.wire.envelope import spoken

READY_WITHIN_S = 60.0


def steps(journey: Journey) -> tuple[Step, ...]:
    """All steps in their order."""
    return (
        Step("files", "Configuration files", lambda: _files(journey)),
        Step("camera", "Camera", lambda: _camera(journey)),
        Step("keys", "Keys and ledger", lambda: _keys(journey)),
        Step("request", "Request for the office", lambda: _request(journey)),
        Step("bundle", "The office's bundle", lambda: _bundle(journey)),
        Step("courier", "The courier's file", lambda: _courier(journey)),
        Step("site_key", "Site key", lambda: _site_key(journey)),
        Step("services", "Services", lambda: _services(journey)),
        Step("doctor", "Doctor", lambda: _doctor(journey)),
        Step("test", "Test event", lambda: _test(journey)),
    )


def _files(journey: Journey) -> Outcome:
    prepare_folders(journey.answers.paths)
    return Outcome("; ".join(journey.put(each) for each in journey.drafts()))


def _camera(journey: Journey) -> Outcome:
    if "camera" in journey.progress.done:
        return Outcome("looked at before")
    check = journey.answers.check
    if not check.camera:
        return Outcome("NOT LOOKED AT: check.camera = false", well=False)
    if _running(journey):
        return Outcome("the running daemon has it: clockface doctor looks", well=True)
    from edge.camera.select import open_camera
    from edge.inference.chain import open_detector
    from edge.inference.models import SHIPPED_MODELS, ModelStore

    config = journey.invocation.config
    try:
        detector = open_detector(ModelStore(config.paths.models or SHIPPED_MODELS), InferenceConfig())
    except ModelError as error:
        return Outcome(f"no detector, so no face was looked for: {error}", well=False)
    try:
        if check.face_within_s:
            typer.echo(
                f"  Stand in front of the camera: a face is looked for, {check.face_within_s:.0f} s long."
            )
        found = look(
            config.camera,
            opener=open_camera,
            detector=detector,
            face_within_s=check.face_within_s,
            now_s=boottime_s,
        )
    finally:
        detector.close()
    note = "\n".join((printable(found.line), *(f"-> {remark}" for remark in found.remarks)))
    if found.remarks and not journey.confirm(Question("remarks", f"{note}\nGo on all the same?")):
        raise ProvisioningError(
            f"the camera is not as it should be: {note}",
            where=f"camera.source = {config.camera.source}",
            next_step="mend it and repeat; or go on without it: --skip-camera",
        )
    return Outcome(note, well=not found.remarks)


def _keys(journey: Journey) -> Outcome:
    here = journey.invocation
    ledger = ledger_path(here.config.paths.state)
    if ledger.exists():
        return Outcome(f"{ledger} stands")
    with as_owner(here.config.paths.state):  # what root makes is the daemon's to use
        made = initialise(
            here.config,
            here.environment,
            reason="replaced" if journey.progress.replaces else "provisioned",
            office=journey.progress.office,
        )
    return Outcome(f"{len(made.created)} keys made on this device, {ledger} begun")


def _request(journey: Journey) -> Outcome:
    answers = journey.answers
    file = answers.office.request
    made = answers.paths.state / REQUEST_FILE
    if "request" in journey.progress.done and made.exists():
        return Outcome(f"{file} was written; another one: clockface provision request")
    asked, _ = make_request(journey.invocation, out=file, tls=answers.paths.tls)
    if sys.stdout.isatty():
        size = os.get_terminal_size()
        drawn = code(
            asked.envelope,
            site=answers.device.site,
            device=answers.device.name,
            fingerprint=asked.fingerprint,
            columns=size.columns,
            lines=size.lines,
        )
        if drawn is not None:
            what = (
                "the whole request"
                if drawn.whole
                else "this device and its fingerprint; the request is the file"
            )
            typer.echo(f"{drawn.text}\n  The code is {what}.")
    return Outcome(f"{file}\nThis device's fingerprint: {spoken(asked.fingerprint)}")


def _bundle(journey: Journey) -> Outcome:
    answers = journey.answers
    if "bundle" in journey.progress.done and (answers.paths.tls / CERTIFICATE_FILE).exists():
        return Outcome("taken before")
    raw = bundle_of(journey)
    believed = journey.progress.office is not None  # it moved here, and holds on to its office
    if not answers.office.fingerprint and not believed and not sys.stdin.isatty():
        raise Waiting(
            "The bundle is here; whether it is the office's, its fingerprint tells: office.fingerprint in the "
            "answers, or --office-fingerprint."
        )
    given = answers.office.fingerprint
    try:
        found = take_bundle(journey.invocation, raw, fingerprint=given, tls=answers.paths.tls)
    except BundleRefused:
        journey.progress.forget_fingerprint()  # a slip of the hand is not to be repeated by itself
        raise
    journey.progress.brokers = tuple(found.brokers)
    journey.progress.keep()
    return Outcome(f"this device believes the office {printable(found.office)}, and no other")


def _courier(journey: Journey) -> Outcome:
    return Outcome(journey.put(journey.courier_draft(journey.progress.brokers)))


def _site_key(journey: Journey) -> Outcome:
    asked, here = journey.answers.site_key, journey.invocation
    if holds_site_key(here):
        return Outcome("stands")
    if asked.how == "init":
        make_site_key(here, passphrase_file=asked.passphrase_file, yes=True)
        return Outcome("made; its recovery text stands above, printed this once")
    if asked.how == "accept" and asked.file is not None:
        take_site_key(here, asked.file, asked.fingerprint)
        return Outcome("taken from the other kiosk")
    return Outcome("later: clockface site init, or clockface site accept")


def _services(journey: Journey) -> Outcome:
    began = start_services()
    if not until(lambda: _running(journey), within_s=READY_WITHIN_S if began else 0.0):
        if began:
            raise ProvisioningError(
                f"the daemon does not answer after {READY_WITHIN_S:.0f} s",
                where="clockface-edge.service",
                next_step="journalctl -u clockface-edge -n 20",
            )
        folder = journey.folder
        raise Waiting(
            "systemd does not run here, or does not know the units. Start both, each in a window of its own:\n"
            f"  clockface --config {folder / 'clockface.toml'} run\n"
            f"  clockface-sync --config {folder / 'sync.toml'} run"
        )
    return Outcome("clockface.target is enabled" if began else "the daemon answers")


def _doctor(journey: Journey) -> Outcome:
    answers = list(examine(journey.invocation))
    for answer in answers:
        if answer.finding.health in (Health.WARN, Health.FAIL):
            show(answer)
    failed = [answer.name for answer in answers if answer.finding.health is Health.FAIL]
    if failed:
        return Outcome(f"{len(failed)} of {len(answers)} checks failed: {', '.join(failed)}", well=False)
    return Outcome(f"{len(answers)} checks, none failed")


def _test(journey: Journey) -> Outcome:
    done = trial_or_why(
        journey.invocation, wait_s=journey.answers.check.test_within_s, tls=journey.answers.paths.tls
    )
    return Outcome(f"the office has confirmed {done.event}, {done.took_s:.1f} s after it was recorded")


def _running(journey: Journey) -> bool:
    try:
        with EdgeClient(journey.invocation.config.paths.run, timeout_s=10.0) as client:
            client.status()
    except EdgeUnreachable:
        return False
    except ApiError:
        return True
    return True


def tick(title: str, outcome: Outcome) -> None:
    """Show a step that is done."""
    sign, style = ("✓", "green") if outcome.well else ("!", "bold yellow")
    first, *rest = outcome.note.splitlines() or [""]
    line = Text(f"{sign} ", style).append(f"{title:<24}", "bold").append(printable(first), "")
    for each in rest:
        line.append(f"\n{'':<26}{printable(each)}", "")
    Console(highlight=False, soft_wrap=True).print(line)


def walk(journey: Journey) -> bool:
    """Go all steps. Returns whether every one was well.

    Raises:
        Waiting: Somebody else is next; what is done is kept.
        ClockfaceError: A step failed.
    """
    well = True
    for step in steps(journey):
        outcome = step.run()
        if outcome.well:
            journey.progress.note(step.name, system_wall())
        tick(step.title, outcome)
        well &= outcome.well
    return well
