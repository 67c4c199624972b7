"""Carries out `[retention]` on the ledger, by the only process that may write it, and never in anybody's way.

Small transactions with rests between them, as a rotation of keys works; each leaves a ledger that verifies.
Trust boundary: whoever may start it was judged by the socket; how old is old is `edge.retention`'s to say, and
that something is not the office's yet is `edge.store.pruning`'s to see.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from edge.api.protocol.privacy import RetentionAsked, RetentionDone
from edge.config.keeping import RetentionConfig
from edge.daemon.rotating import FIRST_ROWS, RESTS, SHORTEST_REST_S, next_rows
from edge.errors import ApiError
from edge.ports import Clock
from edge.retention import Limits, is_unused, limits
from edge.store.last_punches import face_chain
from edge.store.pruning import KeptTemplate
from edge.store.store import Store
from edge.types.clock import ClockTrust
from edge.types.identity import PersonId

LOOKED_AT: Final = 100  # templates at a time
ERASED: Final = 10  # of them in one transaction


@dataclass(slots=True)
class _Counted:
    templates: int = 0
    people: int = 0
    events: int = 0
    audit_entries: int = 0
    reports: int = 0
    alarms: int = 0


class Retention:
    """Removes what is over, once at a time.

    Args:
        store: The ledger.
        config: How long things stay.
        clock: Source of time.
        lock: Held while ledger and gallery change together.
        refresh: Brings the galleries to what the ledger says of these people.
        monotonic_s: Measures batches.
    """

    def __init__(
        self,
        *,
        store: Store,
        config: RetentionConfig,
        clock: Clock,
        lock: threading.RLock,
        refresh: Callable[[Iterable[PersonId]], None],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._lock = lock
        self._refresh = refresh
        self._monotonic_s = monotonic_s
        self._stopping = threading.Event()
        self._under_way = threading.Lock()
        self._longest_held_s = 0.0

    def close(self) -> None:
        """End after the present batch, and wait for that."""
        self._stopping.set()
        with self._under_way:
            pass

    def run(self, asked: RetentionAsked, *, actor: str) -> RetentionDone:
        """Remove what is over, or only count it.

        Raises:
            ApiError: One is under way, or the clock cannot be trusted; nothing was removed.
            StoreError: The ledger failed; what was removed before stays removed, and the next run goes on.
        """
        now = self._clock.now()
        if now.trust is ClockTrust.UNSYNCHRONISED:
            raise ApiError(
                "the clock cannot be trusted, so nothing is removed by its age",
                next_step="clockface doctor; timedatectl",
            )
        if not self._under_way.acquire(blocking=False):
            raise ApiError("retention is under way already", next_step="try again in a few minutes")
        try:
            self._longest_held_s = 0.0
            work = self._count if asked.dry_run else self._remove
            found = work(limits(self._config, now.wall))
            if not asked.dry_run:
                self._note(found, asked.backups, actor)
        finally:
            self._under_way.release()
        return RetentionDone(
            dry_run=asked.dry_run,
            templates=found.templates,
            people=found.people,
            events=found.events,
            audit_entries=found.audit_entries,
            reports=found.reports,
            alarms=found.alarms,
            complete=not self._stopping.is_set(),
            longest_held_ms=self._longest_held_s * 1000,
        )

    def _note(self, found: _Counted, backups: int, actor: str) -> None:
        detail = (
            f"templates={found.templates},people={found.people},events={found.events},"
            f"audit={found.audit_entries},reports={found.reports},alarms={found.alarms},"
            f"backups={backups}"
        )
        self._store.audit.append("retention.applied", actor=actor, detail=detail)
        self._store.database.scrub()  # what went does not linger in the write-ahead log

    # --- counting -----------------------------------------------------------------------------------------

    def _count(self, limit: Limits) -> _Counted:
        pruning, found = self._store.pruning, _Counted()
        unused = self._unused(limit)
        found.templates = len(unused)
        found.people = sum(
            len(self._store.templates.of_person(person)) == sum(each.person_id == person for each in unused)
            for person in {each.person_id for each in unused}
        )
        if limit.events_day is not None:
            found.events = pruning.events_until(limit.events_day)[1]
        if limit.audit is not None:
            found.audit_entries = len(pruning.old_entries(limit.audit))
        found.reports = pruning.old_reports(limit.reports)
        found.alarms = pruning.old_alarms(limit.alarms)
        return found

    def _unused(self, limit: Limits) -> list[KeptTemplate]:
        """Templates that are over; one without a date counts from its first run."""
        if limit.templates_day is None:
            return []
        found: list[KeptTemplate] = []
        row = 0
        while not self._stopping.is_set():
            page = self._store.pruning.templates_after(row, limit=LOOKED_AT)
            if not page:
                break
            found += [each for each in page if self._is_unused(each, limit.templates_day)]
            row = page[-1].row
            self._stopping.wait(SHORTEST_REST_S)
        return found

    def _is_unused(self, template: KeptTemplate, before: int) -> bool:
        since = self._store.template_dates.since(template.template_id)
        if since is None or since >= before:
            return False
        faced = self._store.events.face_days(template.person_id).get(face_chain(template.model_hash))
        return is_unused(since=since, faced=faced, before=before)

    # --- removing -----------------------------------------------------------------------------------------

    def _remove(self, limit: Limits) -> _Counted:
        pruning, found = self._store.pruning, _Counted()
        self._batches(lambda rows: self._store.template_dates.note_missing(limit=rows))
        self._remove_templates(self._unused(limit), limit, found)
        if limit.events_day is not None:
            until, _ = pruning.events_until(limit.events_day)
            found.events = self._batches(lambda rows: pruning.remove_events(until, rows=rows))
        if limit.audit is not None:
            before = limit.audit
            found.audit_entries = self._batches(lambda rows: pruning.remove_entries(before, rows=rows))
        found.reports = pruning.remove_reports(limit.reports)
        found.alarms = pruning.remove_alarms(limit.alarms)
        return found

    def _remove_templates(self, unused: list[KeptTemplate], limit: Limits, found: _Counted) -> None:
        """Erase them, in the ledger and in the gallery; one that was used or replaced meanwhile stays."""
        for start in range(0, len(unused), ERASED):
            if self._stopping.is_set():
                return
            batch = unused[start : start + ERASED]
            began_s = self._monotonic_s()
            with self._lock:
                with self._store.database.write():
                    gone = [each for each in batch if self._erase(each, limit)]
                people = {each.person_id for each in gone}
                self._refresh(people)
                found.people += sum(not self._store.templates.of_person(person) for person in people)
            found.templates += len(gone)
            self._rest(began_s)

    def _erase(self, template: KeptTemplate, limit: Limits) -> bool:
        if limit.templates_day is None or not self._is_unused(template, limit.templates_day):
            return False
        return self._store.templates.remove(template.template_id)

    def _batches(self, step: Callable[[int], int]) -> int:
        rows, done = FIRST_ROWS, 0
        while not self._stopping.is_set():
            began_s = self._monotonic_s()
            count = step(rows)
            if not count:
                break
            done += count
            rows = next_rows(rows, self._monotonic_s() - began_s)
            self._rest(began_s)
        return done

    def _rest(self, began_s: float) -> None:
        held_s = self._monotonic_s() - began_s
        self._longest_held_s = max(self._longest_held_s, held_s)
        self._stopping.wait(max(SHORTEST_REST_S, RESTS * held_s))
