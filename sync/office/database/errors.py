"""Every way in which the office's database fails, each with a stable exit code of 170 to 189.

    DatabaseError                     170   in a way that has no name of its own
    +-- DatabaseSettingsInvalid       171   a setting is missing, wrong, or would weaken the connection
    +-- DatabaseMissing               172   there is no such database
    +-- DatabaseUnreachable           173   no server answers, or it let go of us
    +-- DatabaseNotVerified           174   no TLS, or the server's certificate does not hold
    +-- DatabaseLoginRefused          175   wrong password or user
    +-- DatabaseNotPermitted          176   read-only, or the account may not do this
    +-- DatabaseDiskFull              177
    +-- DatabaseLocked                178   somebody holds what we need; trying again is right
    +-- DatabaseNewer                 179   migrated by a newer Clockface
    +-- DatabaseOlder                 180   migrations are outstanding
    +-- DatabaseForeign               181   not a database of ours
    +-- DatabaseCorrupt               182   damaged
    +-- DatabaseConflict              183   a row contradicts another, or a rule of its table
    +-- HistoryKept                   184   something tried to rewrite events or the audit
    +-- DatabaseDiskFailed            185   the disk gave an error, often because it is full

The codes stay clear of those that a shell and signals use. A message never carries a row's content, a password
or what a driver said about values.
"""

from sync.office.errors import OfficeError


class DatabaseError(OfficeError):
    """The office's database failed."""

    exit_code = 170


class DatabaseSettingsInvalid(DatabaseError):
    """A setting of the database is missing, contradicts another, or would weaken the connection."""

    exit_code = 171


class DatabaseMissing(DatabaseError):
    """There is no such database."""

    exit_code = 172


class DatabaseUnreachable(DatabaseError):
    """No server answers, or it ended the connection. What was not committed is gone."""

    exit_code = 173


class DatabaseNotVerified(DatabaseError):
    """The server offers no TLS, or its certificate does not hold. Nothing was sent to it."""

    exit_code = 174


class DatabaseLoginRefused(DatabaseError):
    """The server knows no such user with this password."""

    exit_code = 175


class DatabaseNotPermitted(DatabaseError):
    """The database is read-only, or the account may not do this."""

    exit_code = 176


class DatabaseDiskFull(DatabaseError):
    """The database's disk is full; what was not committed was not acknowledged."""

    exit_code = 177


class DatabaseLocked(DatabaseError):
    """Somebody else holds what the transaction needs; trying again is right."""

    exit_code = 178


class DatabaseNewer(DatabaseError):
    """The database was migrated by a newer Clockface."""

    exit_code = 179


class DatabaseOlder(DatabaseError):
    """Migrations are outstanding."""

    exit_code = 180


class DatabaseForeign(DatabaseError):
    """What is there is not a database of the office."""

    exit_code = 181


class DatabaseCorrupt(DatabaseError):
    """The database is damaged."""

    exit_code = 182


class DatabaseConflict(DatabaseError):
    """A row contradicts another, or a rule of its table."""

    exit_code = 183


class HistoryKept(DatabaseError):
    """Something tried to rewrite what is history."""

    exit_code = 184


class DatabaseDiskFailed(DatabaseError):
    """The disk gave an error; SQLite's shared memory on a full disk among them."""

    exit_code = 185
