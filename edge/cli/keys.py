"""`clockface keys`: make the storage keys, see them, change them for new ones while the kiosk works.

The running daemon does the work on the ledger; this command changes the lists of keys where they lie, which the
daemon cannot. Trust boundary: whoever may read the key files. No key is shown, nor an argument of a process.
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from clockface.cli.terminal import console, table
from clockface.errors import SecretInvalid, SecretMissing, SecretWrong
from edge import __version__
from edge.api.client import EdgeClient
from edge.api.protocol.keys import KeysView, RotationAsked, RotationView
from edge.cli.asking import AsJson, asking
from edge.cli.context import Invocation, invocation
from edge.cli.progress import progress_bar
from edge.errors import ApiError, EdgeUnreachable, LedgerCorrupt
from edge.provisioning import as_owner
from edge.store.keyplace import KeyPlace, Listed, find_place, keep_first, listed, put_first, stage
from edge.store.keys import generate_keys, load_keyring, missing_keys
from edge.store.plaincopy import About, keep_copy

POLL_S: Final = 0.5
RESTART_PATIENCE_S: Final = 120.0  # without a daemon; how long somebody may stand there is not limited

app = typer.Typer(help="The storage keys: make, see, rotate and verify them.", no_args_is_help=True)

Resume = Annotated[bool, typer.Option("--resume", help="Go on with the rotation that is under way.")]


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    root.add_typer(app, name="keys")


@app.command()
def generate(context: typer.Context) -> None:
    """Make the keys that this device does not have yet; one that is there is never replaced."""
    here = invocation(context)
    state, allowed = here.config.paths.state, here.config.keys.allow_environment
    with as_owner(state):
        names = missing_keys(state=state, environment=here.environment, allow_environment=allowed)
        made = generate_keys(state, names=names)
        keyring = load_keyring(state=state, environment=here.environment, allow_environment=allowed)
    for path in made:
        typer.echo(f"Made {path} (mode 0400).")
    if not made:
        typer.echo("All keys are there; none was made. To change them: clockface keys rotate --backup-dir DIR")
    typer.echo(
        f"DATA {keyring.data.primary_id}, FACE {keyring.face.primary_id}, signing {keyring.signing.key_id}"
    )


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say where the keys come from, whether they are sealed, how old they are and what each wrote."""
    here = invocation(context)
    place = _place_or_none(here)
    with asking(context) as client:
        found = client.keys()
    described = "the environment, for development only" if place is None else place.described
    sealed = place is not None and place.sealed
    if as_json:
        facts = {"place": described, "sealed": sealed, **found.model_dump(mode="json")}
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"The storage keys come from {described}: {'sealed' if sealed else 'not sealed'}.")
    if not sealed:
        typer.echo("Whoever takes the card has them. See docs/keys.md, Sealing.")
    rows = table("key", "fingerprint", "use", "writes since", "tokens")
    for key in found.keys:
        use = "writes and reads" if key.writes else "reads" if key.held else "MISSING"
        rows.add_row(key.purpose.upper(), key.key_id, use, _age(key.since), str(sum(key.tokens.values())))
    console().print(rows)
    _say_rotation(found.rotation)


@app.command()
def rotate(
    context: typer.Context,
    backup_dir: Annotated[
        Path | None, typer.Option("--backup-dir", metavar="DIR", help="Where the ledger is copied to first.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    resume: Resume = False,
) -> None:
    """Change both storage keys for new ones; the kiosk goes on, but for one restart while nobody is there."""
    here = invocation(context)
    state = here.config.paths.state
    with asking(context) as client:
        view = client.keys()
        with as_owner(state):
            place = find_place(state=state, environment=here.environment)
            keys = listed(place)
        if dry_run:
            _explain(view, place, keys, backup_dir)
            return
        if keys.staged and not resume:
            raise SecretInvalid(
                "a rotation is under way: two keys are listed", where=place.described, next_step=_RESUME
            )
        if not keys.staged:
            if resume:
                client.forget_old_keys()  # a power cut may have come between their end here and there
                typer.echo("Nothing is under way: there is one key each.")
                return
            _back_up(client, here, keys, backup_dir)
        if not _verified(view.rotation, keys):
            with as_owner(state):  # of the two, one may have been staged before a power cut and not the other
                keys = stage(place)
            typer.echo(f"New keys are staged beside the current ones: {place.described}")
        _carry_through(client, here, place, keys)


@app.command()
def rollback(context: typer.Context) -> None:
    """Go back to the keys of before while a rotation is under way: every token moves back; nothing is lost."""
    here = invocation(context)
    state = here.config.paths.state
    with asking(context) as client:
        view = client.keys()
        with as_owner(state):
            place = find_place(state=state, environment=here.environment)
            keys = listed(place)
        if not keys.staged:
            raise SecretInvalid(
                "there is nothing to go back to: the old keys were given up when every token had been verified",
                where=place.described,
                next_step="clockface backup restore, if the ledger itself is at fault",
            )
        data, face = (_older(listed_keys, view) for listed_keys in (keys.data, keys.face))
        with as_owner(state):
            keys = put_first(place, data=data, face=face)
        typer.echo(f"The keys of before write again from the next start on: {place.described}")
        _carry_through(client, here, place, keys)


@app.command()
def verify(context: typer.Context) -> None:
    """Open every encrypted row with the writing keys alone, and have stored templates recognised."""
    with asking(context) as client:
        _verify(client)


_RESUME: Final = "clockface keys rotate --resume, or clockface keys rollback"


def _place_or_none(here: Invocation) -> KeyPlace | None:
    try:
        return find_place(state=here.config.paths.state, environment=here.environment)
    except SecretMissing:
        return None


def _age(since: datetime | None) -> str:
    if since is None:
        return "before this was noted"
    return f"{since:%Y-%m-%d} ({(datetime.now(UTC) - since).days} days)"


def _say_rotation(rotation: RotationView) -> None:
    if rotation.state in {"running", "paused"}:
        typer.echo(
            f"A rotation is {rotation.state}: {rotation.done} of {rotation.total} tokens. Next: {_RESUME}"
        )
    elif rotation.state == "rewritten":
        typer.echo(f"Every token has been rewritten and not been verified. Next: {_RESUME}")
    if rotation.fault:
        typer.echo(f"It stopped: {rotation.fault}")


def _explain(view: KeysView, place: KeyPlace, keys: Listed, backup_dir: Path | None) -> None:
    data, face = keys.data[0], keys.face[0]
    first = {"data": data, "face": face}
    tokens = sum(sum(key.tokens.values()) for key in view.keys)
    left = sum(sum(key.tokens.values()) for key in view.keys if key.key_id != first[key.purpose])
    typer.echo(f"Keys: {place.described}, {'two listed' if keys.staged else 'one listed'} for each purpose.")
    if keys.staged:
        typer.echo(f"Would go on: {left} of {tokens} tokens need an old key still.")
    else:
        where = backup_dir or "the folder of --backup-dir"
        typer.echo(f"Would copy the ledger to {where}, stage new keys beside the current ones, restart the")
        typer.echo(
            f"daemon once when nobody stands there, rewrite {tokens} tokens while it works, verify them with"
        )
        typer.echo("with the new keys alone, and then give up the keys of before.")
    typer.echo("Nothing was changed.")


def _back_up(client: EdgeClient, here: Invocation, keys: Listed, backup_dir: Path | None) -> None:
    if backup_dir is None:
        raise typer.BadParameter("a rotation begins with a copy of the ledger: name a folder, --backup-dir DIR")

    def about(digest: str) -> About:
        return About(
            site=here.config.device.site,
            device=here.config.device.name,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            software=__version__,
            sha256=digest,
            data_keys=keys.data,
            face_keys=keys.face,
        )

    made = keep_copy(backup_dir, fetch=client.copy_ledger, about=about)
    typer.echo(f"Copied the ledger to {backup_dir}, SHA-256 {made.sha256}")


def _carry_through(client: EdgeClient, here: Invocation, place: KeyPlace, keys: Listed) -> None:
    """From staged lists to one key each: restart, rewrite, verify, drop."""
    data, face = keys.data[0], keys.face[0]
    rotation = client.rotation()
    if not _verified(rotation, keys):
        _rewrite(client, rotation, data=data, face=face)
    with as_owner(here.config.paths.state):
        keep_first(place, data=data, face=face)
    client.forget_old_keys()
    typer.echo(f"Done: one key each, DATA {data}, FACE {face}. The keys of before are gone.")
    typer.echo("The copy in the backup folder opens with those only: keep it no longer than you must.")


def _verified(rotation: RotationView, keys: Listed) -> bool:
    """Whether everything was opened with the listed keys alone already: only dropping the old ones is left."""
    ours = (rotation.data_key, rotation.face_key) == (keys.data[0], keys.face[0])
    return rotation.state == "verified" and ours and keys.staged


def _rewrite(client: EdgeClient, rotation: RotationView, *, data: str, face: str) -> None:
    if (rotation.data_key, rotation.face_key) != (data, face):
        _restart(client, data=data, face=face)
    client.rotate(RotationAsked(action="start"))
    _follow(client)
    _verify(client)


def _restart(client: EdgeClient, *, data: str, face: str) -> None:
    """One restart when nobody stands there, and a word on how long the kiosk was away."""
    asked = client.restart()
    typer.echo("Waiting until nobody stands in front of the kiosk, to restart it once ...")
    last_s = time.monotonic()
    gone = False
    while True:
        try:
            rotation = client.rotation()
            if client.status().pid != asked.pid:
                break
            last_s = time.monotonic()
        except EdgeUnreachable:
            gone = True
            if time.monotonic() - last_s > RESTART_PATIENCE_S:
                raise EdgeUnreachable(
                    "the daemon ended and did not start again",
                    where="clockface-edge",
                    next_step="systemctl start clockface-edge; then clockface keys rotate --resume",
                ) from None
        time.sleep(POLL_S / 5 if gone else POLL_S)
    typer.echo(f"The kiosk was away for {time.monotonic() - last_s:.1f} s.")
    if (rotation.data_key, rotation.face_key) != (data, face):
        raise SecretWrong(
            "the daemon started with other keys than those that were staged",
            where="clockface-edge",
            next_step="see docs/keys.md: where systemd gives the keys; then clockface keys rotate --resume",
        )


def _follow(client: EdgeClient) -> None:
    with progress_bar() as show:
        while True:
            rotation = client.rotation()
            show("rewriting", rotation.done, max(rotation.total, rotation.done))
            if rotation.state in {"rewritten", "verified"}:
                break
            if rotation.fault or rotation.state != "running":
                raise LedgerCorrupt(
                    rotation.fault or f"the rotation is {rotation.state}",
                    where="key_rotation",
                    next_step=_RESUME,
                )
            time.sleep(POLL_S)
    held = f"the longest held it for {rotation.longest_held_ms:.0f} ms"
    typer.echo(f"Rewrote the ledger in {rotation.batches} batches; {held}.")


def _verify(client: EdgeClient) -> None:
    found = client.verify_keys()
    typer.echo(f"{found.tokens} encrypted rows open with the writing keys alone.")
    if found.why_not is not None:
        typer.echo(f"No recognition was tried: {found.why_not}.")
    elif found.recognised != found.tried:
        raise ApiError(
            f"of {found.tried} stored templates the gallery recognised {found.recognised}",
            where="the gallery",
            next_step="clockface doctor; the old keys were kept: clockface keys rollback",
        )
    else:
        typer.echo(f"{found.recognised} stored templates were recognised by the gallery in use.")


def _older(keys: tuple[str, ...], view: KeysView) -> str:
    """The key that wrote first: one that never wrote is the newest."""
    noted = {key.key_id: key for key in view.keys}

    def began(key_id: str) -> float:
        key = noted.get(key_id)
        if key is None or (key.since is None and not key.tokens):
            return float("inf")
        return key.since.timestamp() if key.since is not None else float("-inf")

    return min(reversed(keys), key=began)
