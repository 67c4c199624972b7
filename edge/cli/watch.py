"""`clockface watch`: what the kiosk sees and says, as it happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer
from rich.status import Status as Spinner

from edge.api.client import EdgeClient
from edge.api.protocol.exchange import Heartbeat
from edge.api.protocol.stage import AnnouncementLine, SceneLine, VerdictLine, VerdictView
from edge.cli.asking import asking, console, printable
from edge.cli.words import COACHING, NOTICES
from edge.clock import system_wall
from edge.errors import EdgeUnreachable, PersonUnknown

ASK_AGAIN_S = 0.05

Line = SceneLine | VerdictLine | AnnouncementLine | Heartbeat


def register(root: typer.Typer) -> None:
    """Put the command under the root."""
    root.command()(watch)


def watch(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, max=3600, metavar="SECONDS", help="Wait for the daemon to start.")
    ] = 0.0,
) -> None:
    """Follow scenes, verdicts and announcements until Ctrl-C."""
    with asking(context) as client, suppress(KeyboardInterrupt):
        _wait_for(client, wait_s)
        if as_json:
            for line in client.scenes():
                if not isinstance(line, Heartbeat):
                    typer.echo(line.model_dump_json())
            return
        names = Names(client)
        with guidance() as guide:
            for line in client.scenes():
                if isinstance(line, SceneLine):
                    guide(scene_text(line))
                elif not isinstance(line, Heartbeat):
                    told = system_wall().astimezone().strftime("%H:%M:%S ") + event_text(line, names.of)
                    typer.echo(printable(told))


def _wait_for(client: EdgeClient, wait_s: float) -> None:
    """Ask until the daemon answers; what stands in the way at the end is raised."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            client.status()
        except EdgeUnreachable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(ASK_AGAIN_S)
        else:
            return


@contextmanager
def guidance() -> Iterator[Callable[[str], None]]:
    """Where passing guidance goes: one line that changes on a terminal, nowhere in a pipe."""
    out = console()
    if not out.is_terminal:
        yield lambda _: None
        return
    with Spinner("waiting", console=out) as spinner:
        yield lambda text: spinner.update(printable(text))


class Names:
    """Who a random id is, asked once each."""

    def __init__(self, client: EdgeClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def of(self, person_id: str) -> str:
        """The person's name, or the id of one who is gone."""
        if person_id not in self._known:
            try:
                self._known[person_id] = self._client.person(person_id).profile.name
            except PersonUnknown:
                self._known[person_id] = person_id
        return self._known[person_id]


def scene_text(scene: SceneLine) -> str:
    """A frame in a few words."""
    if scene.faces == 0:
        return "nobody"
    people = "1 face" if scene.faces == 1 else f"{scene.faces} faces"
    return people if scene.coaching is None else f"{people}: {COACHING[scene.coaching]}"


def event_text(line: VerdictLine | AnnouncementLine, name_of: Callable[[str], str]) -> str:
    """A verdict or an announcement in one line."""
    if isinstance(line, VerdictLine):
        return "verdict       " + verdict_text(line.verdict, name_of)
    parts = [NOTICES[line.notice]]
    if line.recorded is not None:
        recorded = line.recorded
        parts.append(f"{name_of(recorded.person_id)}, {recorded.direction}, event {recorded.seq}")
    if line.coaching is not None:
        parts.append(COACHING[line.coaching])
    if line.detail:
        parts.append(f"({line.detail})")
    return "announcement  " + " ".join(parts)


def verdict_text(verdict: VerdictView, name_of: Callable[[str], str]) -> str:
    """How it ended for one track, and by how much."""
    parts: list[str] = [verdict.outcome]
    if verdict.person_id is not None:
        parts.append(name_of(verdict.person_id))
    if verdict.score is not None:
        margin = "" if verdict.margin is None else f", margin {verdict.margin:.3f}"
        parts.append(
            f"score {verdict.score:.3f}{margin}, {verdict.frames_agreed} of {verdict.frames_matched} frames"
        )
    if verdict.coaching is not None:
        parts.append(COACHING[verdict.coaching])
    if verdict.reason:
        parts.append(f"({verdict.reason})")
    return " ".join(parts)
