"""The camera's frames go either to recognition or to one enrolment, never to both."""

import numpy as np
import pytest

from edge.daemon.tap import FrameTap
from edge.errors import EnrolmentError
from edge.types.faces import Frame


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), captured_s=float(index), index=index)


def test_without_a_borrower_frames_go_to_recognition():
    assert FrameTap().divert(frame(0)) is False


def test_a_borrower_gets_the_newest_frame_and_recognition_gets_none():
    tap = FrameTap()
    with tap.borrow() as borrowed:
        assert tap.divert(frame(1))
        assert tap.divert(frame(2))
        taken = borrowed.next(timeout_s=1)
        assert taken is not None
        assert taken.index == 2
        assert borrowed.next(timeout_s=0) is None
    assert tap.divert(frame(3)) is False


def test_a_second_enrolment_is_refused_and_the_first_goes_on():
    tap = FrameTap()
    with tap.borrow() as borrowed:
        with pytest.raises(EnrolmentError, match="another enrolment"), tap.borrow():
            pass
        tap.divert(frame(1))
        assert borrowed.next(timeout_s=1) is not None


def test_frames_come_back_after_an_enrolment_that_failed():
    tap = FrameTap()
    with pytest.raises(RuntimeError), tap.borrow():
        raise RuntimeError
    assert tap.divert(frame(1)) is False
