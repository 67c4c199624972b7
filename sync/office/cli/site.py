"""`clockface-office site`: which sites the database knows, and bringing the configured ones into it."""

import typer

from sync.office import sites
from sync.office.cli.desk import AsJson, desk, show
from sync.office.operators import Role

app = typer.Typer(help="Sites, their time zones and holidays.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="site")


@app.command("list")
def list_sites(context: typer.Context, as_json: AsJson = False) -> None:
    """List the sites of the database; reports follow what stands here."""
    with desk(context) as here, here.reading("site.listed") as connection:
        rows = [
            {
                "site": site.site,
                "time_zone": site.time_zone,
                "devices": site.devices,
                "holidays": [day.isoformat() for day in site.holidays],
            }
            for site in sites.listed(connection)
        ]
    columns = ("site", "time_zone", "devices", "holidays")
    show(rows, as_json=as_json, columns=columns, empty="no site yet: add [[office.sites]] to the configuration")


@app.command()
def sync(context: typer.Context) -> None:
    """Bring the configured sites, time zones and holidays into the database (administrator)."""
    with desk(context) as here, here.acting(Role.ADMINISTRATOR) as connection:
        changed = sites.adopt(connection, here.config.office.sites, now_us=here.now_us, actor=here.account)
    typer.echo(f"changed: {', '.join(changed)}" if changed else "the database has what is configured")
