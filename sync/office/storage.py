"""From the office's configuration to its database: the one place where the two meet.

Neither knows the other: the database takes settings of its own, and tests make those directly. Trust boundary:
the password leaves its secret here and goes into settings whose repr does not show it.
"""

from pathlib import Path

from sync.office.config.database import SYSTEM_AUTHORITIES, DatabaseConfig
from sync.office.database import DatabaseSettings, PostgreSQLSettings, SQLiteSettings


def database_settings(config: DatabaseConfig) -> DatabaseSettings:
    """Say where the configured database is and how it is reached.

    Raises:
        DatabaseSettingsInvalid: A value would weaken the connection in a way that only the database knows.
    """
    if config.engine == "sqlite":
        return SQLiteSettings(config.path)
    authorities = config.sslrootcert
    chosen = authorities if authorities == SYSTEM_AUTHORITIES else Path(authorities)
    return PostgreSQLSettings(
        host=config.host or "",
        name=config.name or "",
        user=config.user or "",
        password="" if config.password is None else config.password.get_secret_value(),
        port=config.port or 0,
        ca_file=chosen if authorities else None,
        conn_max_age_s=config.conn_max_age_s or 0,
    )
