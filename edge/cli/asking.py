"""What commands that ask the daemon share: the connection, whom a number on the command line means, JSON.

Trust boundary: names and numbers come from staff lists and are printed only through `printable`.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError

from clockface.cli.terminal import console, printable, table
from edge.api.client import EdgeClient
from edge.api.protocol.exchange import Message
from edge.api.protocol.people import PeopleQuery, PersonView
from edge.cli.context import invocation
from edge.config.tree import Config
from edge.errors import PersonUnknown

M = TypeVar("M", bound=Message)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PersonArgument = Annotated[str, typer.Argument(metavar="PERSON", help="Employee number, or the person's id.")]
__all__ = [
    "AsJson",
    "PersonArgument",
    "as_line",
    "asking",
    "console",
    "find",
    "moment",
    "printable",
    "table",
    "told",
]


@contextmanager
def asking(context: typer.Context) -> Iterator[EdgeClient]:
    """A connection to the daemon's staff socket."""
    with EdgeClient(invocation(context).config.paths.run) as client:
        yield client


def find(client: EdgeClient, person: str) -> PersonView:
    """The person that an employee number or an id on the command line means.

    Raises:
        PersonUnknown: Nobody has that number or id.
    """
    found = client.people(told(PeopleQuery, number=person)).people
    if found:
        return client.person(found[0].person_id)
    if re.fullmatch(r"[0-9a-f]{32}", person):
        return client.person(person)
    raise PersonUnknown("nobody has this employee number", next_step="clockface people list")


def told(model: type[M], **fields: Any) -> M:
    """A message from what stands on the command line; a field that does not fit is a usage error.

    Raises:
        typer.BadParameter: Which field, and what it may be.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in fault["loc"]) or "request"
        raise typer.BadParameter(f"{name}: {fault['msg']}") from None


def moment(text: str | None, config: Config) -> datetime | None:
    """A day (2026-03-02) or an ISO time as typed; without a zone it is the site's."""
    if text is None:
        return None
    zone = ZoneInfo(config.device.timezone)
    try:
        parsed = datetime.fromisoformat(text)
        if len(text) == len("2026-03-02"):
            parsed = datetime.combine(date.fromisoformat(text), time(12), zone)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-03-02") from error
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone)


def as_line(value: Message | dict[str, Any]) -> str:
    """One JSON object on one line."""
    if isinstance(value, Message):
        return value.model_dump_json()
    return json.dumps(value, ensure_ascii=False)
