"""`clockface-office operator`: which accounts of this machine may do what (roles: `sync.office.operators`)."""

import re
from typing import Annotated

import typer

from sync.office import operators
from sync.office.cli.desk import AsJson, Desk, desk, show
from sync.office.operators import Role

app = typer.Typer(help="Accounts and their roles.", no_args_is_help=True)
ACCOUNT = re.compile(r"[a-z_][a-z0-9_.@-]{0,63}\$?|uid:[0-9]{1,10}")
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account of the operating system.")]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="operator")


@app.command("list")
def list_operators(context: typer.Context, as_json: AsJson = False) -> None:
    """List every account with a role."""
    with desk(context) as here, here.reading("operator.listed") as connection:
        rows = [{"account": each.account, "role": each.role.code} for each in operators.listed(connection)]
    show(rows, as_json=as_json, columns=("account", "role"), empty="no account has a role")


@app.command()
def add(
    context: typer.Context,
    account: Account,
    role: Annotated[str, typer.Option("--role", help="viewer, clerk or administrator.")],
) -> None:
    """Give an account a role, or another one (administrator).

    While nobody has a role, whoever may write the database makes their own account the administrator.
    """
    if not ACCOUNT.fullmatch(account):
        raise typer.BadParameter("not the name of an account: lower-case letters, digits and _ . - @")
    if role.upper() not in Role.__members__:
        raise typer.BadParameter("a role is viewer, clerk or administrator")
    wanted = Role[role.upper()]
    with desk(context) as here:
        if not _made_the_first(here, account, wanted):
            with here.acting(Role.ADMINISTRATOR) as connection:
                operators.grant(connection, account, wanted, by=here.account, at_us=here.now_us)
    typer.echo(f"{account}: {wanted.code}")


def _made_the_first(here: Desk, account: str, role: Role) -> bool:
    if account != here.account or role is not Role.ADMINISTRATOR:
        return False
    with here.database.write() as connection:
        if operators.listed(connection):
            return False
        operators.grant(connection, account, role, by=here.account, at_us=here.now_us)
    return True


@app.command()
def remove(context: typer.Context, account: Account) -> None:
    """Take an account's role away (administrator)."""
    with desk(context) as here, here.acting(Role.ADMINISTRATOR) as connection:
        had = operators.withdraw(connection, account, by=here.account, at_us=here.now_us)
    if not had:
        raise typer.BadParameter("this account has no role; clockface-office operator list shows who has")
    typer.echo("removed")
