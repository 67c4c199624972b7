"""Follows each person in front of the camera from frame to frame, and would rather lose one than mix two.

A verdict is made of several frames of one track, so a track that might have changed hands is ended and begins
anew under another id. Pure: detections and their capture time in, tracked faces and ended tracks out.
"""

import itertools
import math
from dataclasses import dataclass

from edge.types.faces import Box, Detection, TrackedFace
from edge.types.identity import TrackId

_REACH_WIDTHS = 0.6
"""How far a face may be from where it was expected, in its widths, plus what it walks meanwhile."""
_WALK_WIDTHS_PER_S = 4.0  # 0.6 m/s across the view of a face 0.15 m wide; faster ones are predicted by then
_MAX_REACH_WIDTHS = 1.5
_MAX_GROWTH = 1.6  # a face does not change its width more than this between two sightings
_CLEAR_LEAD = 0.35  # a pairing must beat each alternative by this much, or it is anybody's guess
_SETTLED_GAP_S = 0.3  # a track with a verdict must not be inherited by the next person in the queue
_SMOOTHING = 0.5  # share of the newest displacement in the velocity


@dataclass(slots=True)
class _Track:
    track_id: TrackId
    first_seen_s: float
    last_seen_s: float
    box: Box
    velocity: tuple[float, float] = (0.0, 0.0)  # pixels a second
    settled: bool = False

    def expected(self, at_s: float) -> Box:
        ahead = at_s - self.last_seen_s
        return Box(
            self.box.left + self.velocity[0] * ahead,
            self.box.top + self.velocity[1] * ahead,
            self.box.width,
            self.box.height,
        )

    def follow(self, box: Box, at_s: float) -> None:
        elapsed = max(at_s - self.last_seen_s, 1e-3)
        moved = [(new - old) / elapsed for new, old in zip(box.centre, self.box.centre, strict=True)]
        self.velocity = (
            _SMOOTHING * moved[0] + (1 - _SMOOTHING) * self.velocity[0],
            _SMOOTHING * moved[1] + (1 - _SMOOTHING) * self.velocity[1],
        )
        self.box = box
        self.last_seen_s = at_s


@dataclass(frozen=True, slots=True)
class Tracking:
    """What one frame changed.

    Args:
        faces: Every face of this frame with its track, in the detector's order.
        ended: Tracks that will not come back: left, lost, or ambiguous.
    """

    faces: tuple[TrackedFace, ...]
    ended: tuple[TrackId, ...]


class Tracker:
    """Ties detections to people by where they are expected, greedily, nearest first.

    Args:
        gap_s: A face unseen for longer ends its track.
    """

    def __init__(self, *, gap_s: float) -> None:
        self._gap_s = gap_s
        self._ids = itertools.count(1)
        self._tracks: list[_Track] = []
        self._last_s = -math.inf

    def update(self, detections: tuple[Detection, ...], *, at_s: float) -> Tracking:
        """Take in the faces of the frame captured at `at_s`; a clock that runs backwards ends all tracks."""
        ended = self._end_overdue(at_s)
        pairings = self._pairings(detections, at_s)
        unclear = _unclear(pairings)
        doubtful = {track for track, _ in unclear}
        paired: dict[int, _Track] = {}
        taken: set[int] = set(doubtful)
        for _, track, face in sorted(pairings, reverse=True):
            if track not in taken and face not in paired and not any(face == f for _, f in unclear):
                taken.add(track)
                paired[face] = self._tracks[track]
        for face, known in paired.items():
            known.follow(detections[face].box, at_s)
        doubtful |= {track for _, track, _ in pairings if track not in taken}  # hidden behind somebody else
        ended += [self._tracks[index].track_id for index in sorted(doubtful)]
        self._tracks = [known for index, known in enumerate(self._tracks) if index not in doubtful]
        faces = []
        for index, detection in enumerate(detections):
            known = paired.get(index) or self._begin(detection, at_s)
            faces.append(TrackedFace(known.track_id, known.first_seen_s, detection))
        return Tracking(tuple(faces), tuple(ended))

    def settle(self, track_id: TrackId) -> None:
        """Note that a track has its verdict: from now on it must be seen without a break to stay the same."""
        for track in self._tracks:
            if track.track_id == track_id:
                track.settled = True

    def renew(self, track_id: TrackId, *, at_s: float) -> TrackId:
        """End a track and follow the same face under a new id from `at_s` on.

        Raises:
            KeyError: There is no such track.
        """
        for track in self._tracks:
            if track.track_id == track_id:
                track.track_id = TrackId(next(self._ids))
                track.first_seen_s = at_s
                track.settled = False
                return track.track_id
        raise KeyError(track_id)

    def _begin(self, detection: Detection, at_s: float) -> _Track:
        track = _Track(TrackId(next(self._ids)), at_s, at_s, detection.box)
        self._tracks.append(track)
        return track

    def _end_overdue(self, at_s: float) -> list[TrackId]:
        backwards = at_s < self._last_s
        self._last_s = at_s
        kept: list[_Track] = []
        ended: list[_Track] = []
        for track in self._tracks:
            gap_s = min(self._gap_s, _SETTLED_GAP_S) if track.settled else self._gap_s
            overdue = backwards or at_s - track.last_seen_s > gap_s
            (ended if overdue else kept).append(track)
        self._tracks = kept
        return [track.track_id for track in ended]

    def _pairings(self, detections: tuple[Detection, ...], at_s: float) -> list[tuple[float, int, int]]:
        """Every track with every face within its reach: (affinity, track, face)."""
        found = []
        for index, track in enumerate(self._tracks):
            for face, detection in enumerate(detections):
                affinity = _affinity(track, detection.box, at_s)
                if affinity is not None:
                    found.append((affinity, index, face))
        return found


def _affinity(track: _Track, box: Box, at_s: float) -> float | None:
    """How well a face fits a track, 1 at best, or None where it is out of reach."""
    expected = track.expected(at_s)
    width = max(expected.width, box.width, 1.0)
    growth = width / max(min(expected.width, box.width), 1.0)
    away = math.dist(expected.centre, box.centre) / width
    reach = min(_MAX_REACH_WIDTHS, _REACH_WIDTHS + _WALK_WIDTHS_PER_S * (at_s - track.last_seen_s))
    if growth > _MAX_GROWTH or away > reach:
        return None
    return expected.overlap(box) / 2 + (1 - away / _MAX_REACH_WIDTHS) / 2 - (growth - 1) / 2


def _unclear(pairings: list[tuple[float, int, int]]) -> set[tuple[int, int]]:
    """Pairings that have a rival for the same face or the same track which fits nearly as well."""
    unclear = set()
    for one, two in itertools.combinations(pairings, 2):
        shares_track, shares_face = one[1] == two[1], one[2] == two[2]
        if shares_track != shares_face and abs(one[0] - two[0]) < _CLEAR_LEAD:
            unclear |= {one[1:], two[1:]}
    return unclear
