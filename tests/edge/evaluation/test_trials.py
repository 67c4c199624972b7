"""Verification and identification on made-up embeddings whose right answer is known."""

from pathlib import Path

import numpy as np
import pytest

from edge.errors import EvaluationError
from edge.evaluation import identification, intervals, verification
from edge.evaluation.reading import Readings
from edge.evaluation.samples import Pair, Sample

DIM = 32


def face(person: int, picture: int, noise: float = 0.4) -> np.ndarray:
    centre = np.random.default_rng(person).normal(size=DIM)
    shake = np.random.default_rng(1000 + 100 * person + picture).normal(size=DIM)
    vector = centre / np.linalg.norm(centre) + noise * shake / np.linalg.norm(shake)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def sample(person: int, picture: int) -> Sample:
    return Sample(f"p{person}", Path(f"p{person}/{picture}.jpg"))


def readings_of(samples: list[Sample], **kwargs) -> Readings:
    found = Readings()
    for s in samples:
        vector = face(int(s.person[1:]), int(s.path.stem), **kwargs)
        found.templates[s.path] = found.probes[s.path] = vector
    return found


def test_separable_people_verify_without_an_error_and_the_interval_says_how_much_that_means():
    pairs = [Pair(sample(p, 0), sample(p, 1), True) for p in range(40)]
    pairs += [Pair(sample(p, 0), sample((p + 1) % 40, 1), False) for p in range(40)]
    report = verification.evaluate(
        verification.score_pairs(pairs, readings_of([s for pair in pairs for s in (pair.first, pair.second)]))
    )
    assert report["accuracy"] == 1.0
    assert report["accuracy_low"] == pytest.approx(1 - intervals.upper_bound_without_errors(40))


def test_a_missed_face_is_wrong_for_a_genuine_pair_and_right_for_an_impostor_pair():
    pairs = [Pair(sample(p, 0), sample(p, 1), True) for p in range(20)]
    pairs += [Pair(sample(p, 0), sample((p + 1) % 20, 1), False) for p in range(20)]
    readings = readings_of([s for pair in pairs for s in (pair.first, pair.second)])
    del readings.probes[sample(3, 1).path]  # in one genuine pair and one impostor pair
    report = verification.evaluate(verification.score_pairs(pairs, readings))
    assert report["errors"] == 1


def searched(noise: float = 0.3, enrolled: int = 30, strangers: int = 400) -> identification.Trials:
    gallery = [sample(p, 0) for p in range(enrolled)]
    probes = [sample(p, k) for p in range(enrolled) for k in (1, 2)]
    others = [sample(p, 0) for p in range(1000, 1000 + strangers)]
    identification.require_disjoint(gallery, probes, others)
    readings = readings_of(gallery + probes + others, noise=noise)
    return identification.search(readings, gallery=gallery, probes=probes, strangers=others)


def test_people_far_apart_are_all_identified():
    report = identification.evaluate(searched())
    point = next(row for row in report["operating_points"] if row["fpir"] == 0.01)
    assert report["rank_1"] == 1.0
    assert point["fnir"] == 0.0
    assert point["fnir_high"] == pytest.approx(intervals.upper_bound_without_errors(30))


def test_blurred_people_are_missed_and_the_interval_holds_the_rate():
    report = identification.evaluate(searched(noise=1.6))
    point = next(row for row in report["operating_points"] if row["fpir"] == 0.01)
    assert point["fnir"] > 0.2
    assert point["fnir_low"] <= point["fnir"] <= point["fnir_high"]
    assert point["fnir_low"] < point["fnir_high"]


def test_a_rate_that_the_strangers_cannot_carry_is_refused():
    report = identification.evaluate(searched(strangers=100))
    assert [row["supported"] for row in report["operating_points"]] == [True, True, False, False, False]
    assert "n = 100" in report["operating_points"][2]["why"]


def test_a_probe_without_a_face_counts_as_missed():
    gallery, probes = [sample(0, 0), sample(1, 0)], [sample(0, 1), sample(1, 1)]
    others = [sample(p, 0) for p in range(1000, 1300)]
    readings = readings_of(gallery + probes + others)
    del readings.probes[probes[1].path]
    trials = identification.search(readings, gallery=gallery, probes=probes, strangers=others)
    report = identification.evaluate(trials)
    assert report["probes_not_acquired"] == 1
    assert report["operating_points"][2]["fnir"] == 0.5


def test_somebody_without_a_usable_gallery_picture_failed_to_enrol_and_is_missed():
    gallery, probes = [sample(0, 0), sample(1, 0)], [sample(0, 1), sample(1, 1)]
    others = [sample(p, 0) for p in range(1000, 1300)]
    readings = readings_of(gallery + probes + others)
    del readings.templates[gallery[1].path]
    report = identification.evaluate(
        identification.search(readings, gallery=gallery, probes=probes, strangers=others)
    )
    assert report["failed_to_enrol"] == 1
    assert report["operating_points"][2]["fnir"] == 0.5


def test_the_same_picture_may_not_be_enrolled_and_searched():
    with pytest.raises(EvaluationError, match="gallery and among the probes"):
        identification.require_disjoint([sample(0, 0)], [sample(0, 0)], [sample(9, 0)])


def test_a_stranger_may_not_be_enrolled():
    with pytest.raises(EvaluationError, match="among the strangers"):
        identification.require_disjoint([sample(0, 0)], [sample(0, 1)], [sample(0, 2)])


def test_a_probe_needs_an_enrolled_person():
    with pytest.raises(EvaluationError, match="no picture in the gallery"):
        identification.require_disjoint([sample(0, 0)], [sample(1, 1)], [sample(9, 2)])
