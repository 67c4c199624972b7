"""ISO/IEC 30107-3's rates from results, and what a sample can carry."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.evaluation.intervals import clopper_pearson
from edge.evaluation.liveness_rates import CLAIM_NEEDS, evaluate, interval
from edge.evaluation.liveness_trial import Response, Result
from edge.evaluation.presentations import Kind, Presentation


def result(group: str, response: Response, *, person: str, score: float | None = None, recorded: bool = False):
    presentation = Presentation(Path(f"{group}/{person}.avi"), Kind.CLIP, group, person)
    return Result(
        presentation,
        response,
        "why",
        score=score,
        recorded=recorded,
        frames=30,
        response_s=None if response is Response.NONE else 0.5,
        judge_s=0.01,
        enrolled=True,
    )


def many(group: str, response: Response, count: int, *, score: float | None = None, first: int = 0):
    return [result(group, response, person=f"p{first + n}", score=score) for n in range(count)]


def test_the_worst_species_is_the_headline():
    attacks = [
        *many("print", Response.ATTACK, 9, score=0.1),
        *many("print", Response.BONA_FIDE, 1, score=0.9, first=9),
        *many("phone", Response.ATTACK, 6, score=0.2),
        *many("phone", Response.BONA_FIDE, 4, score=0.8, first=6),
    ]
    report = evaluate(many("live", Response.BONA_FIDE, 10, score=0.7), attacks)
    assert (report["worst_species"], report["apcer"]) == ("phone", 0.4)
    assert report["species"]["print"]["error_rate"] == 0.1
    assert report["bpcer"] == 0


def test_silence_is_no_error_but_is_told_and_never_passes():
    attacks = many("print", Response.NONE, 5)
    living = many("live", Response.BONA_FIDE, 8, score=0.9) + many("live", Response.NONE, 2, first=8)
    report = evaluate(living, attacks + many("phone", Response.ATTACK, 1, score=0.1))
    assert report["species"]["print"]["error_rate"] == 0
    assert report["species"]["print"]["non_response_rate"] == 1
    assert (report["bpcer"], report["bpnrr"]) == (0, 0.2)
    assert all(point["bpcer"] >= 0.2 for point in report["det"])


def test_a_claim_of_five_percent_needs_59_people():
    living = many("live", Response.BONA_FIDE, 1, score=0.9)
    few = evaluate(living, many("print", Response.ATTACK, CLAIM_NEEDS - 1, score=0.1))["species"]["print"]
    enough = evaluate(living, many("print", Response.ATTACK, CLAIM_NEEDS, score=0.1))["species"]["print"]
    assert not few["supports_5_percent"]
    assert "too small" in few["why"]
    assert enough["supports_5_percent"]
    same_person = [result("print", Response.ATTACK, person="one", score=0.1) for _ in range(200)]
    assert not evaluate(living, same_person)["species"]["print"]["supports_5_percent"]


def test_bpcer20_is_read_at_the_threshold_that_holds_for_every_species():
    living = [result("live", Response.BONA_FIDE, person=f"l{n}", score=n / 20) for n in range(20)]
    easy = many("easy", Response.ATTACK, 20, score=0.01)
    hard = many("hard", Response.ATTACK, 20, score=0.48)
    report = evaluate(living, easy + hard)
    assert report["bpcer20"] == {"bpcer": 0.5, "supported": True}
    assert not report["bpcer100"]["supported"]
    assert report["auc"]["easy"]["auc"] > report["auc"]["hard"]["auc"] == pytest.approx(0.5)


def test_a_seam_without_scores_gives_rates_and_no_curve():
    report = evaluate(many("live", Response.BONA_FIDE, 2), many("print", Response.ATTACK, 2))
    assert not report["scored"]
    assert "det" not in report


def test_an_attack_that_would_be_recorded_is_listed_and_counted():
    attack = result("print", Response.BONA_FIDE, person="p", score=0.9, recorded=True)
    report = evaluate(many("live", Response.ATTACK, 1, score=0.2), [attack])
    assert report["recorded"]["recorded"] == 1
    assert [failure["kind"] for failure in report["failures"]] == ["attack", "bona_fide"]


def test_people_are_resampled_where_one_person_was_shown_often():
    often = [result("live", Response.ATTACK, person="a") for _ in range(30)]
    often += [result("live", Response.BONA_FIDE, person="b") for _ in range(30)]
    clustered = interval(often, lambda r: r.response is Response.ATTACK)
    assert (clustered.low, clustered.high) == (0.0, 1.0)  # two people say nothing, however often they are shown


def test_one_error_of_two_people_never_looks_rare():
    often = [
        result("live", Response.ATTACK, person="a"),
        *(result("live", Response.BONA_FIDE, person="a"),) * 22,
    ]
    often += [result("live", Response.BONA_FIDE, person="b")] * 2
    found = interval(often, lambda r: r.response is Response.ATTACK)
    assert found.low == 0
    assert found.high > 0.9


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [(1, 10, 0.0025, 0.4450), (5, 50, 0.0333, 0.2181), (10, 10, 0.6915, 1.0)],
)
def test_the_exact_interval_is_that_of_the_tables(errors: int, trials: int, low: float, high: float):
    found = clopper_pearson(errors, trials)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_exact_interval_holds_the_rate(first: int, second: int):
    errors, trials = min(first, second), max(first, second)
    found = clopper_pearson(errors, trials)
    assert 0 <= found.low <= found.high <= 1
    if trials:
        assert found.low <= errors / trials + 1e-12
        assert errors / trials <= found.high + 1e-12
    assert math.isfinite(found.high)
