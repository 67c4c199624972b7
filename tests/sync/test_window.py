"""What is on its way, and when it goes out again: counted in commits of the office, never in PUBACKs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.api.protocol.courier import EnvelopeView
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


def views(first: int, last: int) -> tuple[EnvelopeView, ...]:
    return tuple(view(seq) for seq in range(first, last + 1))


def begun(size: int = 1000, sent: int = 1000) -> Window:
    """A window whose connection has begun and that is full."""
    window = Window(size)
    window.rewind(None)
    window.sent(views(1, sent))
    return window


def test_after_a_rewind_a_little_goes_out_and_more_with_each_confirmation() -> None:
    window = begun()
    window.rewind(None, lost=True)
    rooms = []
    last = 0
    while window.room < 1000:
        rooms.append(window.room)
        window.sent(views(last + 1, last + window.room))
        last += rooms[-1]
        window.committed(point_of(FIRST, last))
    assert rooms == [32, 128, 512]


def test_an_office_that_is_only_slow_is_not_sent_everything_twice() -> None:
    window = begun()
    window.rewind(window.frontier, lost=False)
    window.sent(views(1, 32))
    assert window.room == 0
    window.committed(point_of(FIRST, 300))  # the first copies: of the second only 32 went out
    assert (window.position, window.on_the_way) == (point_of(FIRST, 1000), 700)
    assert window.room == 300


def test_what_is_known_to_be_lost_goes_out_again_whole() -> None:
    window = begun()
    window.rewind(None, lost=True)
    window.sent(views(1, 32))
    window.committed(point_of(FIRST, 300))
    assert (window.position, window.on_the_way) == (point_of(FIRST, 300), 0)


def test_a_ledger_that_edge_came_back_with_is_sent_from_its_own_frontier() -> None:
    window = begun()
    window.forget()
    window.rewind(point_of(FIRST, 10), lost=False)
    window.committed(point_of(FIRST, 300))
    assert (window.position, window.on_the_way) == (point_of(FIRST, 300), 0)


def test_two_silences_in_a_row_forget_nothing_of_the_first_copies() -> None:
    window = begun()
    for _ in range(2):
        window.rewind(window.frontier, lost=False)
        window.sent(views(1, 32))
    window.committed(point_of(FIRST, 33))
    assert (window.position, window.on_the_way) == (point_of(FIRST, 1000), 967)


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
