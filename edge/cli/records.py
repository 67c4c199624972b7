"""Attendance records as staff see them: asked of the daemon, chosen by attendance day, made into rows.

Names are personal data: they go from the staff socket to the terminal or the file that staff named, and nowhere
else.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from edge.api.client import EdgeClient
from edge.api.protocol.fields import MAX_PAGE
from edge.api.protocol.people import PeopleQuery
from edge.api.protocol.punches import PunchQuery, PunchView
from edge.attendance.days import shift_turn
from edge.attendance.export import ExportRow
from edge.config.tree import Config
from edge.errors import AttendanceError, PersonUnknown
from edge.types.punches import Direction

FOLLOW_PAUSE_S = 1.0
# An attendance day reaches from a shift's slack before it to the end of a stay that began on it.
_BEFORE, _AFTER = timedelta(days=2), timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records.

    Args:
        first: First attendance day, or None for from the beginning.
        last: Last attendance day, or None for no end.
        person: An employee number or a person's id, or None for everybody.
    """

    first: date | None = None
    last: date | None = None
    person: str | None = None

    def includes(self, day: date) -> bool:
        """Whether an attendance day is selected."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    @property
    def open_ended(self) -> bool:
        """Whether nothing at all is said about days."""
        return self.first is None and self.last is None


class Records:
    """The daemon's records as rows.

    Args:
        client: On the staff socket.
        config: For the zone and the shifts' names.
    """

    def __init__(self, client: EdgeClient, config: Config) -> None:
        self._client = client
        self._config = config
        self._zone = ZoneInfo(config.device.timezone)

    def all(self, selection: Selection) -> Iterator[ExportRow]:
        """Every selected record, oldest first, page by page."""
        yield from self._rows(self._client.all_punches(self._query(selection)), selection)

    def follow(self, selection: Selection, *, pause: Callable[[float], None]) -> Iterator[ExportRow | None]:
        """Every selected record, then each new one as it comes; without days, only new ones. Does not end.

        Args:
            selection: Which records.
            pause: Waits that many seconds.

        Yields:
            Rows, and None after each look, so that the caller can flush.
        """
        query = self._query(selection)
        if selection.open_ended:
            query = query.model_copy(update={"after": self._newest_event()})
        while True:
            page = self._client.punches(query)
            yield from self._rows(iter(page.punches), selection)
            if page.punches:
                end = page.punches[-1]
                query = query.model_copy(update={"after": page.next_after or f"{end.epoch}:{end.seq}"})
            yield None
            if page.next_after is None:
                pause(FOLLOW_PAUSE_S)

    def _rows(self, views: Iterator[PunchView], selection: Selection) -> Iterator[ExportRow]:
        return (self.row(view) for view in views if selection.includes(view.day))

    def _newest_event(self) -> str:
        ledger = self._client.status().ledger
        return f"{ledger.epoch}:{ledger.seq}"

    def _query(self, selection: Selection) -> PunchQuery:
        return PunchQuery(
            since=None if selection.first is None else _midnight(selection.first) - _BEFORE,
            until=None if selection.last is None else _midnight(selection.last) + _AFTER,
            person_id=None if selection.person is None else self._person_id(selection.person),
            limit=MAX_PAGE,
        )

    def _person_id(self, person: str) -> str:
        """A person's id as it is, or the one who has that employee number."""
        if re.fullmatch(r"[0-9a-f]{32}", person):
            return person
        found = self._client.people(PeopleQuery(number=person)).people
        if not found:
            raise PersonUnknown("nobody has that employee number", next_step="clockface people list")
        return found[0].person_id

    def row(self, view: PunchView) -> ExportRow:
        """A record with its person and its shift."""
        profile = view.profile
        return ExportRow(
            at=view.at,
            utc_offset_s=view.utc_offset_s,
            clock=view.trust,
            day=view.day,
            shift=self._shift(view),
            number="" if profile is None else profile.number,
            name="" if profile is None else profile.name,
            person_id=view.person_id,
            direction=view.direction,
            source=view.source,
            method=view.method,
            work_code=view.work_code or "",
            epoch=view.epoch,
            seq=view.seq,
            delivered=view.delivered,
        )

    def _shift(self, view: PunchView) -> str:
        """The shift's name by the present settings; empty outside of any, or at a time that no rule takes."""
        with suppress(AttendanceError):
            turn = shift_turn(
                view.at,
                direction=Direction(view.direction),
                config=self._config.attendance,
                zone=self._zone,
                day=view.day,
            )
            return "" if turn is None else turn.shift.name
        return ""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC)
