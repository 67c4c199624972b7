"""How far the office's numbered documents were applied here, and what each was answered.

A command's number and the roster's version only go up, in the transaction of what they cause, so that a
replayed document changes nothing and a repeated one gets the answer that it got. Trust boundary: callers have
verified the documents.
"""

from edge.store.database import Database
from edge.store.erasures import COMMAND, Erasures
from edge.store.vault import Vault

MAX_RESULTS = 1000  # an office repeats what it has no answer to within days, not years


class OfficeProgress:
    """The tables office_progress and results, and whether out_of_service has a row."""

    def __init__(self, database: Database, *, vault: Vault, erasures: Erasures) -> None:
        self._database = database
        self._vault = vault
        self._erasures = erasures

    def command_number(self) -> int:
        """The number of the last command that was taken; 0 before the first."""
        return self._read("command_number")

    def roster_version(self) -> int:
        """The version of the roster that this device has; 0 before the first."""
        return self._read("roster_version")

    def take_command(self, number: int) -> bool:
        """Use up a command's number; returns whether it was higher than the last."""
        self._erasures.note(COMMAND, str(number))
        return self._raise("command_number", number)

    def reach_roster(self, version: int) -> bool:
        """Note that the roster was applied up to a version; returns whether it is newer."""
        return self._raise("roster_version", version)

    def out_of_service(self) -> bool:
        """Whether an operator took the kiosk out of service."""
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM out_of_service").fetchone() is not None

    def answered(self, document_id: str) -> bytes | None:
        """The signed result that a document was answered with, or None.

        Raises:
            LedgerCorrupt, SecretWrong: The row was altered, or its key is not on the ring.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT envelope, written_by FROM results WHERE document_id = ?", (document_id,)
            ).fetchone()
        if row is None:
            return None
        return str(self._vault.open_fields("result", document_id, row[0], row[1])["envelope"]).encode("ascii")

    def answer(self, document_id: str, envelope: bytes) -> None:
        """Keep the signed result of a document, the newest thousand; a second one for it changes nothing."""
        token = self._vault.seal_fields("result", document_id, {"envelope": envelope.decode("ascii")})
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO results (document_id, envelope, written_by) VALUES (?, ?, ?)",
                (document_id, token, self._vault.number),
            )
            connection.execute(
                "DELETE FROM results WHERE row <= (SELECT max(row) FROM results) - ?", (MAX_RESULTS,)
            )

    def check_all(self) -> None:
        """Open every result; raises as `answered`."""
        with self._database.read() as connection:
            known = [row[0] for row in connection.execute("SELECT document_id FROM results")]
        for document_id in known:
            self.answered(document_id)

    def _read(self, column: str) -> int:
        with self._database.read() as connection:
            return int(connection.execute(f"SELECT {column} FROM office_progress").fetchone()[0])  # noqa: S608

    def _raise(self, column: str, value: int) -> bool:
        with self._database.write() as connection:
            return bool(
                connection.execute(
                    f"UPDATE office_progress SET {column} = ?1 WHERE {column} < ?1",  # noqa: S608 - our names
                    (value,),
                ).rowcount
            )
