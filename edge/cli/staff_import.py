"""A whole staff from a list and a folder of photographs: row by row, and a report of what was refused and why.

A rerun goes on where the first one stopped: who has templates already, by employee number, is left alone. One
row's refusal never stops the others; the daemon's absence does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from clockface.bounded import read_bounded
from edge.api.client import EdgeClient
from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.exchange import MAX_PHOTO_BYTES
from edge.api.protocol.people import PeopleQuery, PersonView
from edge.cli.staff_csv import BadRow, StaffRow, photos_of
from edge.errors import EnrolmentError, PhotoRefused


class RowOutcome(StrEnum):
    """How one row ended."""

    ENROLLED = "enrolled"
    PARTLY = "partly"  # enrolled, but a picture was refused
    ALREADY = "already"
    REFUSED = "refused"
    READY = "ready"  # of a dry run: nothing was sent


@dataclass(frozen=True, slots=True)
class RowReport:
    """What became of one row. Names nobody but by line and employee number.

    Args:
        line: In the staff list.
        number: The employee number; empty where the row does not hold.
        outcome: How it ended.
        templates: Templates stored.
        problems: What was refused, and why.
    """

    line: int
    number: str
    outcome: RowOutcome
    templates: int = 0
    problems: tuple[str, ...] = ()

    def as_object(self) -> dict[str, object]:
        """The report's form in JSON."""
        return {
            "line": self.line,
            "number": self.number or None,
            "outcome": self.outcome.value,
            "templates": self.templates,
            "problems": list(self.problems),
        }

    def __repr__(self) -> str:
        return f"RowReport(line {self.line}, {self.outcome})"


@dataclass(frozen=True, slots=True)
class StaffImport:
    """Enrols a staff list.

    Args:
        client: On the staff socket.
        folder: Of the photographs.
        face: "only" or "largest", see `PhotoEnrolment`.
        dry_run: Check the list and the files, and ask who is known; send nothing.
    """

    client: EdgeClient
    folder: Path
    face: str = "only"
    dry_run: bool = False

    def run(self, rows: Iterable[StaffRow | BadRow]) -> Iterator[RowReport]:
        """Enrol row by row and say of each what became of it.

        Raises:
            ClockfaceError: The daemon cannot go on at all; rows not yet reported were not sent.
        """
        return (self._row(row) for row in rows)

    def _row(self, row: StaffRow | BadRow) -> RowReport:
        if isinstance(row, BadRow):
            return RowReport(row.line, "", RowOutcome.REFUSED, problems=(row.wrong,))
        try:
            return self._enrol(row)
        except EnrolmentError as error:
            return _refused(row, (str(error),))

    def _enrol(self, row: StaffRow) -> RowReport:
        known = self._known(row)
        if known is not None and known.templates:
            return RowReport(row.line, row.profile.number, RowOutcome.ALREADY)
        photos = photos_of(row, self.folder)
        if not photos:
            return _refused(row, ("there is no photograph of this number in the folder",))
        if row.consent is None and (known is None or not known.consented):
            return _refused(row, ("no consent: neither in the row nor given for all (--consent-how ...)",))
        if self.dry_run:
            return RowReport(row.line, row.profile.number, RowOutcome.READY)
        return self._send(row, photos, known)

    def _known(self, row: StaffRow) -> PersonView | None:
        found = self.client.people(PeopleQuery(number=row.profile.number)).people
        if not found:
            return None
        if found[0].profile.name != row.profile.name:
            raise EnrolmentError(
                "the employee number belongs to a person of another name",
                where=f"person {found[0].person_id}",
                next_step=f"clockface people show {found[0].person_id}",
            )
        return found[0]

    def _send(self, row: StaffRow, photos: tuple[Path, ...], known: PersonView | None) -> RowReport:
        person_id = None if known is None else known.person_id
        problems, templates = [], 0
        for photo in photos:
            fresh = PhotoEnrolment.model_validate(
                {
                    "person_id": person_id,
                    "profile": row.profile if person_id is None else None,
                    "consent": row.consent if templates == 0 else None,
                    "face": self.face,
                }
            )
            try:
                done = self.client.enrol_photo(fresh, read_photo(photo))
            except EnrolmentError as error:
                problems.append(f"{photo.name}: {error}")
                continue
            person_id, templates = done.person.person_id, templates + done.templates_added
            if done.unlike_own:
                problems.append(f"{photo.name}: stored, but it looks unlike the person's other pictures")
        if not templates:
            return _refused(row, tuple(problems))
        outcome = RowOutcome.PARTLY if problems else RowOutcome.ENROLLED
        return RowReport(row.line, row.profile.number, outcome, templates, tuple(problems))


def _refused(row: StaffRow, problems: tuple[str, ...]) -> RowReport:
    return RowReport(row.line, row.profile.number, RowOutcome.REFUSED, problems=problems)


def read_photo(path: Path) -> bytes:
    """Read a photograph's bytes, no more than may be sent.

    Raises:
        PhotoRefused: It cannot be read, is no regular file, or is too large.
    """
    try:
        if not path.is_file():
            raise PhotoRefused("the photograph is not there, or is no file", where=str(path))
        return read_bounded(path, max_bytes=MAX_PHOTO_BYTES)
    except OSError as error:
        raise PhotoRefused(f"the photograph cannot be read: {error.strerror}", where=str(path)) from None
