"""Whom a number on the command line means: the office's map from employee numbers to random ids."""

import re

import typer
from sqlalchemy import Connection, select

from sync.office.database import schema


def person_of(connection: Connection, text: str) -> str:
    """The random id of an employee number, or the id itself.

    Raises:
        typer.BadParameter: Nobody has that number.
    """
    people = schema.people
    found = connection.execute(
        select(people.c.person).where(people.c.employee_number == text)
    ).scalar_one_or_none()
    if found is not None:
        return str(found)
    if re.fullmatch(r"[0-9a-f]{32}", text):
        return text
    raise typer.BadParameter("nobody has this employee number")


def known_department(connection: Connection, text: str) -> str:
    """A department that somebody belongs to.

    Raises:
        typer.BadParameter: Nobody does.
    """
    people = schema.people
    if connection.execute(select(people.c.person).where(people.c.department == text).limit(1)).first() is None:
        raise typer.BadParameter("nobody belongs to this department")
    return text
