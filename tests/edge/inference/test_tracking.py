from hypothesis import given, settings
from hypothesis import strategies as st

from edge.inference.tracking import Tracker
from edge.types.identity import TrackId
from tests.edge.inference.given import face_at

FPS = 15.0


def tracker() -> Tracker:
    return Tracker(gap_s=0.7)


def test_one_person_who_walks_across_keeps_one_track() -> None:
    follow = tracker()
    ids = set()
    for step in range(60):
        faces = follow.update((face_at(50 + 9 * step, 200 + step, width=80 + step),), at_s=step / FPS).faces
        ids.add(faces[0].track_id)
        assert faces[0].first_seen_s == 0.0
    assert len(ids) == 1


def test_two_people_side_by_side_keep_their_tracks_whatever_the_order_of_detection() -> None:
    follow = tracker()
    left, right = (f.track_id for f in follow.update((face_at(150), face_at(400)), at_s=0.0).faces)
    for step in range(1, 30):
        pair = (face_at(150 + step), face_at(400 - step))
        swapped = step % 2 == 1
        faces = follow.update(pair[::-1] if swapped else pair, at_s=step / FPS).faces
        ids = [f.track_id for f in faces]
        assert (ids[::-1] if swapped else ids) == [left, right]


def test_a_short_gap_is_bridged_and_a_long_one_ends_the_track() -> None:
    follow = tracker()
    first = follow.update((face_at(200),), at_s=0.0).faces[0].track_id
    assert follow.update((), at_s=0.3).ended == ()
    assert follow.update((face_at(205),), at_s=0.6).faces[0].track_id == first
    assert follow.update((), at_s=1.4).ended == (first,)
    assert follow.update((face_at(205),), at_s=1.5).faces[0].track_id != first


def test_a_settled_track_is_not_inherited_across_a_gap() -> None:
    follow = tracker()
    first = follow.update((face_at(200),), at_s=0.0).faces[0].track_id
    follow.settle(first)
    assert follow.update((face_at(201),), at_s=0.2).faces[0].track_id == first
    update = follow.update((face_at(202),), at_s=0.6)
    assert update.ended == (first,)
    assert update.faces[0].track_id != first


def test_a_face_that_jumps_or_changes_size_is_another_person() -> None:
    for other in (face_at(420), face_at(200, width=190)):
        follow = tracker()
        first = follow.update((face_at(200),), at_s=0.0).faces[0].track_id
        assert follow.update((other,), at_s=1 / FPS).faces[0].track_id != first


def test_people_who_cross_get_new_tracks_rather_than_each_others() -> None:
    """Two faces that come within one another's reach could each be either: both tracks end."""
    follow = tracker()
    before = {f.track_id for f in follow.update((face_at(180), face_at(320)), at_s=0.0).faces}
    middle = follow.update((face_at(230), face_at(265)), at_s=0.2)
    assert set(middle.ended) == before
    assert not before & {f.track_id for f in middle.faces}


def test_one_face_between_two_tracks_belongs_to_neither() -> None:
    follow = tracker()
    before = {f.track_id for f in follow.update((face_at(180), face_at(250)), at_s=0.0).faces}
    after = follow.update((face_at(215),), at_s=1 / FPS)
    assert set(after.ended) == before
    assert after.faces[0].track_id not in before


def test_a_clock_that_runs_backwards_ends_all_tracks() -> None:
    follow = tracker()
    first = follow.update((face_at(200),), at_s=100.0).faces[0].track_id
    update = follow.update((face_at(200),), at_s=5.0)
    assert update.ended == (first,)
    assert update.faces[0].track_id != first


def test_a_renewed_track_has_a_new_id_and_a_new_beginning() -> None:
    follow = tracker()
    first = follow.update((face_at(200),), at_s=0.0).faces[0].track_id
    second = follow.renew(first, at_s=0.1)
    face = follow.update((face_at(200),), at_s=0.2).faces[0]
    assert (face.track_id, face.first_seen_s) == (second, 0.1)
    assert second != first


class Walker:
    """A person on a line, at a constant speed and size."""

    def __init__(self, start: float, speed: float, width: float) -> None:
        self.start, self.speed, self.width = start, speed, width

    def at(self, seconds: float) -> float:
        return self.start + self.speed * seconds


walkers = st.builds(Walker, st.floats(0, 640), st.floats(-250, 250), st.floats(60, 160))


@given(st.lists(walkers, min_size=2, max_size=2))
@settings(max_examples=300)
def test_a_track_never_passes_from_one_person_to_another(walk: list[Walker]) -> None:
    """Whoever crosses in front of whom: a track id stays with one person.

    Somebody who appears in the very place of a face that is missed in the same frame cannot be told from it by
    place alone; the pipeline compares the embeddings of a track for that.
    """
    follow = tracker()
    owner: dict[TrackId, Walker] = {}
    for step in range(45):
        at_s = step / FPS
        shown = [w for w in walk if not any(_hides(o, w, at_s) for o in walk if o is not w)]
        faces = follow.update(tuple(face_at(w.at(at_s), width=w.width) for w in shown), at_s=at_s).faces
        for who, face in zip(shown, faces, strict=True):
            assert owner.setdefault(face.track_id, who) is who
        assert len({f.track_id for f in faces}) == len(faces)


def _hides(front: Walker, back: Walker, at_s: float) -> bool:
    """The detector's suppression: of two faces that overlap this much only the larger is reported."""
    near = abs(front.at(at_s) - back.at(at_s)) < 0.5 * (front.width + back.width) / 2
    return near and (front.width, id(front)) > (back.width, id(back))


@given(st.lists(st.lists(st.floats(0, 640), max_size=4), max_size=30))
def test_ids_are_never_used_again(frames: list[list[float]]) -> None:
    follow = tracker()
    ended: set[TrackId] = set()
    for step, places in enumerate(frames):
        update = follow.update(tuple(face_at(x) for x in places), at_s=step / FPS)
        ended |= set(update.ended)
        assert not ended & {f.track_id for f in update.faces}
