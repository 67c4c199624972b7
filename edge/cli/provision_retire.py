"""`clockface provision retire` and `move`: a device goes out of use in good order, or to another site.

The last signed event says so, the office confirms everything, then keys and ledger are destroyed; each step
looks whether it is done, so that an interruption costs nothing. Trust boundary: whoever runs it owns the
device, and types its name.
"""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from clockface.cli.terminal import printable
from clockface.errors import SecretError
from edge.api.client import EdgeClient
from edge.api.protocol.device import RetirementAsked, RetirementView
from edge.cli.context import Invocation, invocation
from edge.cli.own_keys import keyring_of
from edge.cli.provision import TLS_FOLDER, Tls, account, open_stopped
from edge.cli.provision_guide import EXIT_WAITING
from edge.cli.provision_steps import tick
from edge.clock import system_wall
from edge.errors import EdgeUnreachable, LedgerLocked, ProvisioningError, StoreError
from edge.provisioning import as_owner
from edge.setup import progress as kept
from edge.setup.answers import Answers
from edge.setup.destruction import FLASH, destroy
from edge.setup.journey import Outcome, Waiting, stop_services, until
from edge.setup.progress import FILE as PROGRESS_FILE
from edge.setup.progress import Progress
from edge.setup.receipt import AUDIT_FILE, RECEIPT_FILE, LastEvent, Receipt, keep, keep_audit, read_receipt
from edge.store.database import owning
from edge.store.office import Office
from edge.store.sitekey import SiteKeyPlace, load_site_keys
from edge.store.store import Store, ledger_path

POLL_S = 0.2
Reason = Literal["retired", "moved"]

Confirm = Annotated[
    str, typer.Option("--confirm", metavar="NAME", help="This device's name; else it is asked for.")
]
WithoutOffice = Annotated[
    bool,
    typer.Option(
        "--without-office",
        help="Do not wait for the office: what it has not confirmed is lost with the ledger.",
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", min=1.0, max=86_400.0, help="Longest wait for the office, seconds.")
]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is asked for."""

    here: Invocation
    reason: Reason
    without_office: bool
    wait_s: float
    tls: Path

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.here.config.paths.state

    @property
    def name(self) -> str:
        """The device's."""
        return self.here.config.device.name


def retire(
    context: typer.Context,
    confirm: Confirm = "",
    without_office: WithoutOffice = False,
    wait_s: Wait = 120.0,
    tls: Tls = TLS_FOLDER,
) -> None:
    """Take this device out of use, for good: the office is told, then keys and ledger are destroyed."""
    ending = Ending(invocation(context), "retired", without_office, wait_s, tls)
    found = _end(ending, confirm)
    typer.echo(f"\n{printable(found.line)}.")
    _farewell(ending, found)


def move(
    context: typer.Context,
    site: Annotated[str, typer.Option("--site", help="The site that it moves to.")],
    name: Annotated[str, typer.Option("--name", help="Its name there; else as it is.")] = "",
    place: Annotated[str, typer.Option("--place", help="Where it will hang, for people.")] = "",
    timezone: Annotated[str, typer.Option("--timezone", help="The other site's, if it is another.")] = "",
    confirm: Confirm = "",
    without_office: WithoutOffice = False,
    wait_s: Wait = 120.0,
    tls: Tls = TLS_FOLDER,
) -> None:
    """Take this device to another site: everything of the old one is destroyed, then it is provisioned anew."""
    here = invocation(context)
    ending = Ending(here, "moved", without_office, wait_s, tls)
    before = _answers(ending)
    over = {"site": site, "name": name or before.answers.device.name, "place": place}
    after = _moved(before, over | ({"timezone": timezone} if timezone else {}))
    if site == here.config.device.site:
        raise ProvisioningError(
            "the device is at that site already", where=site, next_step="clockface provision retire; or replace"
        )
    found = _end(ending, confirm, on_with=after)
    typer.echo(f"\n{printable(found.line)}.")
    _farewell(ending, found)
    typer.echo(f"Next, to make it a kiosk of {site}: clockface provision")


def _answers(ending: Ending) -> Progress:
    """What provisioning was answered, or what the configuration says where it was not guided."""
    config = ending.here.config
    with as_owner(ending.state):
        found = kept.load(ending.state)
    if found is not None:
        return found
    tree = config.model_dump(mode="json", include={"device", "camera", "attendance", "liveness", "api"})
    paths = {"state": str(config.paths.state), "run": str(config.paths.run), "tls": str(ending.tls)}
    known = {name: tree[name] for name in ("camera", "attendance", "liveness", "api")}
    device = {name: tree["device"][name] for name in ("site", "name", "timezone")}
    answers = Answers.model_validate({"device": device, "paths": paths, **known})
    given = tuple(key for key, origin in ending.here.loaded.provenance.items() if origin != "default")
    return Progress(answers, (*given, "device.timezone", "paths.state", "paths.run", "paths.tls"))


def _moved(before: Progress, device: dict[str, str]) -> Progress:
    tree = before.answers.model_dump(mode="json")
    tree["device"] |= device
    tree["office"] |= {"bundle": None, "fingerprint": ""}
    tree["site_key"] = {}
    given = dict.fromkeys((*before.given, "device.site", "device.name", "device.place", "device.timezone"))
    return Progress(Answers.model_validate(tree), tuple(given), office=before.office)


def _end(ending: Ending, confirm: str, *, on_with: Progress | None = None) -> Receipt:
    """Go all steps; returns the receipt.

    Raises:
        typer.Exit: Somebody else is next.
        ClockfaceError: A step failed.
    """
    with as_owner(ending.state):
        receipt = read_receipt(ending.state)
    if receipt is not None and not ledger_path(ending.state).exists() and receipt.destroyed_at is not None:
        raise ProvisioningError(
            f"there is nothing to retire: {receipt.line}",
            where=str(ending.state / RECEIPT_FILE),
            next_step="clockface provision, to make another kiosk of this machine",
        )
    _confirm(ending, confirm)
    try:
        if receipt is None or receipt.destroyed_at is not None:
            _last_word(ending)
            receipt, office = _written(ending)
            if on_with is not None:
                on_with.office = office or on_with.office
        return _destroyed(ending, receipt, on_with)
    except Waiting as waiting:
        typer.echo(f"\nNot finished. {waiting}")
        raise typer.Exit(EXIT_WAITING) from None
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\nInterrupted; what is done stays. Repeat the command to go on.")
        raise typer.Exit(EXIT_WAITING) from None


def _confirm(ending: Ending, given: str) -> None:
    typer.echo(
        f"This takes {ending.name} of site {ending.here.config.device.site} out of use, for good. Its keys, "
        "its ledger,\nevery person and template on it are destroyed; what the office has stays there."
    )
    if not given and not sys.stdin.isatty():
        raise ProvisioningError(
            "the device's name was not typed, and there is no terminal to ask on",
            where=ending.name,
            next_step="--confirm NAME, with this device's name",
        )
    typed = given or typer.prompt("Type this device's name")
    if typed != ending.name:
        raise ProvisioningError(
            "nothing was done: another name was typed than this device's",
            where=ending.name,
            next_step="look at which device you are: clockface status",
        )


def _last_word(ending: Ending) -> None:
    """Have the last event signed and, unless nobody is to be waited for, everything confirmed; then stop."""
    with EdgeClient(ending.here.config.paths.run) as client:
        try:
            view = client.retirement()
        except EdgeUnreachable:
            stop_services()  # the daemon is down: nobody starts it now, and `_written` sees what is missing
            return
        if not view.retired:
            view = client.retire(RetirementAsked(reason=ending.reason, confirm=ending.name))
        last = f"{view.epoch}/{view.seq}"
        _say("Last event", f"{last} says that nothing follows")
        if not ending.without_office:
            view = _delivered(ending, client, view)
            _say("The office", "it has confirmed everything")
    if not stop_services():
        raise Waiting(
            "Everything is said. systemd does not run here, or does not know the units: stop clockface run\n"
            "and clockface-sync run, then repeat this command."
        )
    until(lambda: not _runs(ending), within_s=60.0)


def _delivered(ending: Ending, client: EdgeClient, view: RetirementView) -> RetirementView:
    end_s = time.monotonic() + ending.wait_s
    while not _complete(view):
        if time.monotonic() > end_s:
            raise Waiting(
                f"The office has not confirmed {view.events_pending} events and {view.parcels_pending} other "
                f"documents within {ending.wait_s:.0f} s.\n"
                "They are safe here. Repeat this command when the office can be reached; or with "
                "--without-office,\nwhich destroys them."
            )
        time.sleep(POLL_S)
        view = client.retirement()
    return view


def _complete(view: RetirementView) -> bool:
    return view.retired and view.confirmed and not view.events_pending and not view.parcels_pending


def _runs(ending: Ending) -> bool:
    with EdgeClient(ending.here.config.paths.run, timeout_s=10.0) as client:
        try:
            client.retirement()
        except EdgeUnreachable:
            return False
    return True


def _written(ending: Ending) -> tuple[Receipt, Office | None]:
    """The receipt, from the ledger that nobody has open any more."""
    try:
        with as_owner(ending.state):
            _, store = open_stopped(ending.here, keyring_of(ending.here))
    except LedgerLocked:
        raise
    except (StoreError, SecretError) as error:
        if not ending.without_office:
            raise
        return _unreadable(ending, error), None
    try:
        with as_owner(ending.state):
            _refuse_early(ending, store)
            receipt = _receipt(ending, store)
            keep(receipt, state=ending.state)
            office = store.office.current()
    finally:
        with as_owner(ending.state):
            store.close()
    _say("Receipt", f"{ending.state / RECEIPT_FILE}, {AUDIT_FILE}")
    return receipt, office


def _refuse_early(ending: Ending, store: Store) -> None:
    """Sign what is not signed yet, where nobody is waited for; else say what is missing."""
    if not store.events.retired():
        if not ending.without_office:
            raise Waiting(
                "The daemon does not run, so the office cannot be told. Start it and the courier, and repeat;\n"
                "or with --without-office, which destroys what the office has not confirmed."
            )
        store.events.retire(ending.reason, actor=account())
    pending, parcels = store.frontier.pending_count(), store.parcels.count()
    if not ending.without_office and (pending or parcels):
        raise Waiting(
            f"The office has not confirmed {pending} events and {parcels} other documents. Start the daemon\n"
            "and the courier, and repeat; or with --without-office, which destroys them."
        )


def _receipt(ending: Ending, store: Store) -> Receipt:
    last, office = store.events.head(), store.office.current()
    entries, head = keep_audit(store.audit.list(), state=ending.state)
    pending, parcels = store.frontier.pending_count(), store.parcels.count()
    keys = load_site_keys(SiteKeyPlace.of(ending.state, ending.here.environment))
    return Receipt(
        site=ending.here.config.device.site,
        device=ending.name,
        reason=ending.reason,
        at=system_wall().isoformat(timespec="seconds"),
        by=account(),
        signing_key=store.device_keys.signing.key_id,
        office=None if office is None else office.name,
        last=LastEvent(epoch=last.epoch, seq=last.seq, hash=last.hash),
        confirmed=not pending and not parcels,
        events=store.events.count(),
        people=store.people.count(),
        templates=sum(store.templates.counts_by_model().values()),
        events_lost=pending,
        parcels_lost=parcels,
        audit_entries=entries,
        audit_head=head,
        site_keys=() if keys is None else tuple(key.key_id for key in keys.keys),
    )


def _unreadable(ending: Ending, error: Exception) -> Receipt:
    """A ledger that does not open signs nothing any more; it can still be destroyed."""
    note = f"the ledger does not open ({type(error).__name__}): no last event, nothing more for the office"
    _say("Receipt", note, well=False)
    receipt = Receipt(
        site=ending.here.config.device.site,
        device=ending.name,
        reason=ending.reason,
        at=system_wall().isoformat(timespec="seconds"),
        by=account(),
        signing_key=None,
        office=None,
        last=None,
        confirmed=False,
        events=0,
        people=0,
        templates=0,
        events_lost=0,
        parcels_lost=0,
        audit_entries=0,
        audit_head="",
        site_keys=(),
    )
    with as_owner(ending.state):
        keep(receipt, state=ending.state)
    return receipt


def _destroyed(ending: Ending, receipt: Receipt, on_with: Progress | None) -> Receipt:
    state = ending.state
    kept_names = (RECEIPT_FILE, AUDIT_FILE, *(() if on_with is None else (PROGRESS_FILE,)))
    with ExitStack() as stack:
        with as_owner(state):
            stack.enter_context(owning(ledger_path(state)))  # no daemon begins meanwhile
            if on_with is not None:
                on_with.keep()
        gone = destroy(state, tls=ending.tls, kept=kept_names, keep_authorities=on_with is not None)
        done = receipt.model_copy(update={"destroyed_at": system_wall().isoformat(timespec="seconds")})
        with as_owner(state):
            keep(done, state=state)
    _say("Destroyed", f"{gone} files: keys, ledger, certificate\n{FLASH}")
    return done


def _farewell(ending: Ending, receipt: Receipt) -> None:
    if not receipt.confirmed:
        typer.echo(
            "The office was not told, or not everything reached it. There: clockface-office device retire "
            f"{receipt.site}/{receipt.device}"
        )
    if receipt.site_keys:
        typer.echo(
            f"This kiosk held the key under which templates travel at {receipt.site}. On one that stays:\n"
            f"  clockface site rotate --without {receipt.device}"
        )
    typer.echo(
        "Backups and copies elsewhere (clockface backup create, keys rotate --backup-dir) are not touched: "
        "destroy\nthem too."
    )
    typer.echo(f"What it was stands in {ending.state / RECEIPT_FILE}; the settings stay where they are.")


def _say(title: str, note: str, *, well: bool = True) -> None:
    tick(title, Outcome(note, well=well))
