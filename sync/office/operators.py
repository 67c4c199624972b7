"""Who may do what at the office: named accounts of the operating system, each with one of three roles.

viewer reads reports and devices; clerk also asks for and decides corrections and changes the roster;
administrator also manages devices, operators, keys and pay periods. Trust boundary: the account is the one that
logged in, as the kernel remembers it through sudo (the audit login id), else the process's own. Whoever
may write the database file is above all this; the file's mode is what keeps others out.
"""

import os
import pwd
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from sync.office import audit
from sync.office.database import schema
from sync.office.errors import RoleMissing

LOGIN_ID = Path("/proc/self/loginuid")
NOBODY_LOGGED_IN = 2**32 - 1


class Role(IntEnum):
    """What an account may do; each role may all that the one before may."""

    VIEWER = 1
    CLERK = 2
    ADMINISTRATOR = 3

    @property
    def code(self) -> str:
        """As it is stored and typed."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Operator:
    """An account and its role."""

    account: str
    role: Role


def account_of(login_id: Path = LOGIN_ID, *, uid: int | None = None) -> str:
    """The account at the keyboard: who logged in, else whose process this is."""
    try:
        logged_in = int(login_id.read_text(encoding="ascii"))
    except (OSError, ValueError):
        logged_in = NOBODY_LOGGED_IN
    number = logged_in if logged_in != NOBODY_LOGGED_IN else (os.getuid() if uid is None else uid)
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid:{number}"


def require(connection: Connection, account: str, role: Role) -> Operator:
    """Return the operator if the account has at least this role.

    Raises:
        RoleMissing: It has a lower one, or none.
    """
    found = find(connection, account)
    if found is None or found.role < role:
        has = "no role" if found is None else f"the role {found.role.code}"
        raise RoleMissing(
            f"this needs the role {role.code}; {account} has {has}",
            where="operators",
            next_step=f"an administrator types: clockface-office operator add {account} --role {role.code}",
        )
    return found


def find(connection: Connection, account: str) -> Operator | None:
    """The account's role, if it has one."""
    table = schema.operators
    row = connection.execute(
        select(table.c.role).where(table.c.account == account, table.c.ended_us.is_(None))
    ).first()
    return None if row is None else Operator(account, Role[row.role.upper()])


def listed(connection: Connection) -> list[Operator]:
    """Every account with a role, by name."""
    table = schema.operators
    rows = connection.execute(
        select(table.c.account, table.c.role).where(table.c.ended_us.is_(None)).order_by(table.c.account)
    )
    return [Operator(row.account, Role[row.role.upper()]) for row in rows]


def grant(connection: Connection, account: str, role: Role, *, by: str, at_us: int) -> None:
    """Give an account a role, or another one.

    Raises:
        RoleMissing: It would leave nobody who is an administrator.
    """
    if role is not Role.ADMINISTRATOR:
        _keep_an_administrator(connection, account)
    table = schema.operators
    values = {"role": role.code, "added_us": at_us, "added_by": by, "ended_us": None}
    done = connection.execute(update(table).where(table.c.account == account).values(**values)).rowcount
    if not done:
        connection.execute(insert(table).values(account=account, **values))
    audit.append(
        connection, at_us=at_us, actor=by, action="operator.granted", subject=account, detail=role.code
    )


def withdraw(connection: Connection, account: str, *, by: str, at_us: int) -> bool:
    """Take an account's role away.

    Returns:
        Whether it had one.

    Raises:
        RoleMissing: It is the last administrator.
    """
    _keep_an_administrator(connection, account)
    table = schema.operators
    done = connection.execute(
        update(table).where(table.c.account == account, table.c.ended_us.is_(None)).values(ended_us=at_us)
    ).rowcount
    if done:
        audit.append(connection, at_us=at_us, actor=by, action="operator.withdrawn", subject=account)
    return bool(done)


def _keep_an_administrator(connection: Connection, account: str) -> None:
    table = schema.operators
    others = connection.execute(
        select(func.count())
        .select_from(table)
        .where(table.c.role == Role.ADMINISTRATOR.code, table.c.ended_us.is_(None), table.c.account != account)
    ).scalar_one()
    if not others:
        raise RoleMissing(
            "this would leave the office without an administrator",
            where=f"operator {account}",
            next_step="clockface-office operator add ANOTHER --role administrator",
        )
