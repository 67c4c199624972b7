"""Error rates are checked against their definitions, counted the slow way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.evaluation import rates

SCORES = arrays(np.float64, st.integers(1, 40), elements=st.integers(-20, 20).map(lambda n: n / 20))


@given(SCORES, st.floats(0, 1))
def test_the_threshold_lets_at_most_the_asked_share_of_impostors_pass(impostors, rate):
    threshold = rates.threshold_at_rate(impostors, rate)
    assert np.mean(impostors >= threshold) <= rate + 1e-9


@given(SCORES, st.floats(0, 0.99))
def test_a_threshold_one_step_lower_would_let_too_many_pass(impostors, rate):
    threshold = rates.threshold_at_rate(impostors, rate)
    if np.isfinite(threshold):
        assert np.mean(impostors >= np.nextafter(threshold, -np.inf)) > rate - 1e-9


@given(SCORES, st.data())
def test_the_best_threshold_judges_as_many_pairs_rightly_as_any_other(scores, data):
    same = data.draw(arrays(np.bool_, scores.size))
    best = rates.accuracy(scores, same, rates.best_threshold(scores, same))
    for threshold in np.concatenate([scores, scores + 1e-6, scores - 1e-6]):
        assert best >= rates.accuracy(scores, same, threshold) - 1e-12


@given(SCORES, SCORES)
def test_the_det_curve_says_what_counting_says(genuine, impostor):
    curve = rates.det_curve(genuine, impostor)
    for threshold, fp, fn in zip(curve.thresholds, curve.false_positive, curve.false_negative, strict=True):
        assert fp == pytest.approx(np.mean(impostor >= threshold))
        assert fn == pytest.approx(np.mean(genuine < threshold))
    assert 0 <= curve.equal_error_rate <= 1


def test_the_equal_error_rate_of_separable_scores_is_zero():
    curve = rates.det_curve(np.array([0.8, 0.9]), np.array([0.1, 0.2]))
    assert curve.equal_error_rate == pytest.approx(0.0)


def test_the_equal_error_rate_of_identical_distributions_is_a_half():
    scores = np.linspace(0, 1, 101)
    assert rates.det_curve(scores, scores).equal_error_rate == pytest.approx(0.5, abs=0.02)


def test_blocks_give_the_published_lfw_folds():
    same = np.tile(np.repeat([True, False], 300), 10)
    folds = rates.stratified_blocks(same, 10)
    assert (folds == np.repeat(np.arange(10), 600)).all()


def test_a_fold_never_chooses_its_own_threshold():
    """A fold whose pairs contradict all others is judged by the others' threshold, hence wrongly."""
    scores = np.array([0.9, 0.1] * 5)
    same = np.array([True, False] * 4 + [False, True])
    accuracies, _ = rates.cross_validated(scores, same, np.repeat(np.arange(5), 2))
    assert accuracies[-1] == 0.0
    assert (accuracies[:-1] == 1.0).all()


@pytest.mark.parametrize(
    ("rate", "trials", "carried"), [(0.01, 350, True), (0.01, 299, False), (0.003, 350, False)]
)
def test_a_rate_needs_three_expected_errors(rate, trials, carried):
    assert rates.supported(rate, trials) is carried
