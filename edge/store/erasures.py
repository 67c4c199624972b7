"""What must not come back with a backup: erasures, withdrawals, disablings, and used command numbers.

A plain file of codes and random ids beside the ledger, outside of it, so that a restore of an older ledger can
repeat what was done since. A line is on disk before the ledger's commit: at worst one act too many is repeated.
Trust boundary: whoever can write the state folder; a line that is not of the form is refused, not skipped.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import LedgerCorrupt, LedgerReadOnly

FILE: Final = "erasures"
COMMAND: Final = "command"
REPLAYED: Final = frozenset(
    {
        "person.removed",
        "consent.withdrawn",
        "template.removed",
        "person.disabled",
        "person.enabled",
        "badge.revoked",
        "card.dropped",
    }
)
MAX_BYTES: Final = 64 * 1024 * 1024
_LINE: Final = re.compile(r"([a-z.]{1,40}) ([0-9a-f]{32}|[0-9]{1,18}) ([0-9a-f]{16,32}|-)")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One line: the act's code, whose or which number, and the template or badge if it was one."""

    action: str
    subject: str
    detail: str


class Erasures:
    """The file.

    Args:
        path: Beside the ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, action: str, subject: str, detail: str = "") -> None:
        """Append a line, durably.

        Raises:
            LedgerReadOnly: It cannot be written; the act must not happen either.
        """
        line = f"{action} {subject} {detail if _LINE.fullmatch(f'a 0 {detail}') else '-'}\n"
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self.path, flags, 0o600)
            try:
                os.write(handle, line.encode("ascii"))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise LedgerReadOnly(
                f"the journal of erasures cannot be written: {error.strerror}",
                where=str(self.path),
                next_step=f"df -h {self.path.parent}; ls -l {self.path}",
            ) from None

    def count(self) -> int:
        """How many lines there are: what a backup remembers."""
        return len(self.since(0))

    def since(self, line: int) -> tuple[Erasure, ...]:
        """The lines behind a place; a last line that a power cut tore off did not happen.

        Raises:
            LedgerCorrupt: A line is not of the form.
        """
        try:
            with self.path.open("rb") as file:
                raw = file.read(MAX_BYTES)
        except FileNotFoundError:
            return ()
        lines = raw.decode("ascii", "replace").split("\n")[:-1]
        return tuple(self._parsed(text, number) for number, text in enumerate(lines[line:], start=line + 1))

    def _parsed(self, text: str, number: int) -> Erasure:
        found = _LINE.fullmatch(text)
        if found is None:
            raise LedgerCorrupt("the journal of erasures was altered", where=f"{self.path} line {number}")
        return Erasure(found[1], found[2], "" if found[3] == "-" else found[3])
