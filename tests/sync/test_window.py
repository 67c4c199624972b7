"""What is on its way, and when it goes out again: counted in commits of the office, never in PUBACKs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.api.protocol import EnvelopeView
from sync.cutting import batches
from sync.retry import RETURN_S, Rotation, pause_s
from sync.window import Stall, Window, point_of

FIRST, SECOND = "000009-0123456789abcdef", "000010-0000000000000000"


def view(seq: int, epoch: str = FIRST, size: int = 10) -> EnvelopeView:
    return EnvelopeView(epoch=epoch, seq=seq, hash="0" * 64, envelope="x" * size)


def test_a_later_epoch_comes_after_an_earlier_one_whatever_the_sequence_says() -> None:
    assert point_of(FIRST, 500) < point_of(SECOND, 1)
    assert point_of("999999-ffffffffffffffff", 1) < point_of("1000000-0000000000000000", 1)


def test_room_comes_back_with_commits_over_the_end_of_an_epoch() -> None:
    window = Window(4)
    window.sent((view(1), view(2), view(1, SECOND), view(2, SECOND)))
    assert window.room == 0
    assert window.committed(point_of(SECOND, 1))
    assert (window.room, window.on_the_way) == (3, 1)
    assert not window.committed(point_of(SECOND, 1))
    window.rewind(window.frontier)
    assert (window.position, window.on_the_way) == (point_of(SECOND, 1), 0)


def test_a_frontier_beyond_what_was_sent_takes_the_position_along() -> None:
    window = Window(4)
    window.sent((view(1),))
    window.committed(point_of(FIRST, 7))
    assert window.position == point_of(FIRST, 7)


def test_a_stall_comes_later_each_time_until_something_moves() -> None:
    stall = Stall(60.0)
    assert stall.left_s(0.0, on_the_way=0) is None
    assert stall.left_s(0.0, on_the_way=1) == 60.0
    stall.resent(60.0)
    assert stall.left_s(60.0, on_the_way=1) == 120.0
    for _ in range(20):
        stall.resent(0.0)
    assert stall.left_s(0.0, on_the_way=1) == 16 * 60.0
    stall.moved(5.0)
    assert stall.left_s(5.0, on_the_way=1) == 60.0


def test_what_nobody_received_goes_out_again_soon_and_ever_less_soon() -> None:
    stall = Stall(60.0)
    waits = []
    for _ in range(8):
        stall.moved(0.0) if not waits else None
        stall.unheard = True
        waits.append(stall.left_s(0.0, on_the_way=1))
        stall.resent(0.0)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0]


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 10), st.integers(100, 400))
def test_batches_are_the_page_in_order_within_their_bounds(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    page = tuple(view(index + 1, size=size) for index, size in enumerate(sizes))
    cut = list(batches(page, most=most, most_bytes=most_bytes))
    assert tuple(each for some, _ in cut for each in some) == page
    for some, payload in cut:
        assert payload.split(b"\n") == [each.envelope.encode() for each in some]
        assert len(some) <= most
        assert len(payload) <= most_bytes or len(some) == 1


@given(st.integers(1, 10_000), st.floats(0.0, 1.0, exclude_max=True), st.floats(1.0, 3600.0))
def test_a_pause_is_a_random_part_of_a_bound(failures: int, draw: float, most_s: float) -> None:
    assert 0.0 <= pause_s(failures, most_s=most_s, draw=lambda: draw) <= most_s


def test_all_addresses_are_tried_before_the_first_pause() -> None:
    rotation = Rotation(addresses=3, most_s=60.0, draw=lambda: 0.5)
    assert [(rotation.failed(), rotation.index) for _ in range(6)] == [
        (0.0, 1), (0.0, 2), (0.5, 0), (0.0, 1), (0.0, 2), (1.0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lived_s", "progressed", "pauses"),
    [(1.0, False, [1, 2, 4]), (1.0, True, [1, 1, 1]), (60.0, False, [1, 1, 1])],
)
def test_a_loop_of_short_connections_slows_down(lived_s: float, *, progressed: bool, pauses: list[int]) -> None:
    rotation = Rotation(addresses=2, most_s=60.0, draw=lambda: 1.0)
    assert [rotation.ended(lived_s=lived_s, progressed=progressed) for _ in pauses] == pauses


def test_the_first_address_is_due_again_after_a_while_with_another() -> None:
    rotation = Rotation(addresses=2, most_s=60.0, draw=lambda: 1.0)
    assert rotation.stay_s() is None
    rotation.failed()
    assert rotation.stay_s() == RETURN_S
