import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ModelError
from edge.inference.gallery import NOBODY, Gallery
from edge.types.faces import Embedding
from edge.types.identity import ModelHash, PersonId, TemplateId
from tests.edge.inference.given import CHAIN, person, template, unit

DIM = 16


def gallery(dim: int = DIM) -> Gallery:
    return Gallery(model_hash=CHAIN, dim=dim, capacity=2)


def vectors(count: int, *, seed: int = 0, dim: int = DIM) -> list[Embedding]:
    drawn = np.random.default_rng(seed).normal(size=(count, dim))
    return [unit(row) for row in drawn]


def test_an_empty_gallery_knows_nobody() -> None:
    assert gallery().search(unit([1.0] * DIM)) == NOBODY


def test_the_nearest_person_and_the_best_of_any_other_are_found() -> None:
    near, middle, far = unit([1, 0.1] + [0] * 14), unit([1, 1] + [0] * 14), unit([0, 1] + [0] * 14)
    known = gallery()
    known.add([template(1, 1, far), template(2, 1, near), template(3, 2, middle), template(4, 1, near)])
    match = known.search(unit([1] + [0] * 15))
    assert match.person_id == person(1)
    assert match.score == pytest.approx(near[0], abs=1e-6)
    assert match.runner_up == pytest.approx(middle[0], abs=1e-6)


def test_one_person_alone_has_no_runner_up() -> None:
    known = gallery()
    known.add([template(1, 1, unit([1.0] * DIM)), template(2, 1, unit([1.0] * DIM))])
    assert known.search(unit([1.0] * DIM)).runner_up == -1.0


def test_equal_scores_go_to_the_smaller_id_whatever_the_order_of_enrolment() -> None:
    twin = unit(range(1, DIM + 1))
    for order in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        known = gallery()
        known.add([template(who, who, twin) for who in order])
        match = known.search(twin)
        assert (match.person_id, match.margin) == (person(1), 0.0)


def test_a_removed_person_is_found_no_more_and_leaves_no_template_in_memory() -> None:
    known = gallery()
    drawn = vectors(5)
    known.add([template(i, i, v) for i, v in enumerate(drawn)])
    assert known.remove(person(1)) == 1
    assert known.remove(person(1)) == 0
    assert person(1) not in known
    assert known.search(drawn[1]).person_id != person(1)
    assert known.search(drawn[4]).person_id == person(4)
    assert not any(np.allclose(row, drawn[1]) for row in known._matrix)


def test_replacing_a_person_leaves_exactly_the_new_templates() -> None:
    known = gallery()
    drawn = vectors(4)
    known.add([template(1, 1, drawn[0]), template(2, 1, drawn[1]), template(3, 2, drawn[2])])
    known.replace(person(1), [template(4, 1, drawn[3])])
    assert (len(known), known.people) == (2, 2)
    assert known.score_of(person(1), drawn[0]) == pytest.approx(float(drawn[0] @ drawn[3]), abs=1e-6)
    assert known.score_of(person(9), drawn[0]) is None


def test_a_template_with_a_known_id_replaces_the_old_one() -> None:
    known = gallery()
    old, new = vectors(2)
    known.add([template(1, 1, old)])
    known.add([template(1, 1, new)])
    assert len(known) == 1
    assert known.search(new).score == pytest.approx(1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        template(1, 1, unit([1.0] * DIM), chain=ModelHash("b" * 64)),
        template(1, 1, unit([1.0] * (DIM + 1))),
        template(1, 1, np.ones(DIM, np.float32)),
        template(1, 1, np.full(DIM, np.nan, np.float32)),
        template(1, 1, unit([1.0] * DIM).astype(np.float64)),  # type: ignore[arg-type]
    ],
)
def test_a_template_that_does_not_belong_is_refused_and_nothing_of_its_batch_is_added(wrong: object) -> None:
    known = gallery()
    with pytest.raises(ModelError):
        known.add([template(2, 2, unit([1.0] * DIM)), wrong])  # type: ignore[list-item]
    assert len(known) == 0


def test_replacing_with_another_persons_template_is_refused() -> None:
    known = gallery()
    with pytest.raises(ModelError):
        known.replace(person(1), [template(1, 2, unit([1.0] * DIM))])


def test_a_probe_of_another_length_is_refused() -> None:
    with pytest.raises(ModelError):
        gallery().search(unit([1.0] * (DIM + 1)))


def test_growth_keeps_memory_close_to_the_templates() -> None:
    known = gallery(dim=64)
    for start in range(0, 12_000, 100):
        known.add([template(start + i, start + i, v) for i, v in enumerate(vectors(100, seed=start, dim=64))])
    templates = 12_000 * 64 * 4
    assert templates <= known.memory_bytes <= 1.1 * templates
    assert known.search(vectors(100, seed=5000, dim=64)[37]).person_id == person(5037)


operations = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "replace"]), st.integers(0, 6), st.integers(0, 20)), max_size=40
)


@given(operations, st.integers(0, 50))
def test_every_sequence_of_changes_matches_a_plain_list(steps: list[tuple[str, int, int]], seed: int) -> None:
    """Against the obvious implementation: a list that is searched one by one."""
    known = gallery()
    plain: dict[TemplateId, tuple[PersonId, Embedding]] = {}
    pool = vectors(21, seed=seed)
    for action, who, which in steps:
        new = template(which, who, pool[which])
        if action == "add":
            known.add([new])
        elif action == "remove":
            known.remove(person(who))
        else:
            known.replace(person(who), [new])
        if action in ("remove", "replace"):
            plain = {t: v for t, v in plain.items() if v[0] != person(who)}
        if action in ("add", "replace"):
            plain[new.template_id] = (new.person_id, new.vector)
    assert len(known) == len(plain)
    assert known.people == len({who for who, _ in plain.values()})
    probe = vectors(1, seed=seed + 1)[0]
    best: dict[PersonId, float] = {}
    for owner, vector in plain.values():
        best[owner] = max(best.get(owner, -2.0), float(vector @ probe))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    assert [who for who, _ in known.nearest(probe, limit=3)] == [who for who, _ in ranked[:3]]
    match = known.search(probe)
    assert match.score == pytest.approx(ranked[0][1] if ranked else -1.0, abs=1e-5)
    assert match.runner_up == pytest.approx(ranked[1][1] if len(ranked) > 1 else -1.0, abs=1e-5)


def test_searches_during_changes_see_whole_people() -> None:
    """One thread enrols and removes while another searches: the scores stay right throughout."""
    known = gallery(dim=64)
    drawn = vectors(600, dim=64)
    known.add([template(0, 0, drawn[0])])
    wrong: list[float] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            match = known.search(drawn[0])
            if match.person_id != person(0) or abs(match.score - 1) > 1e-5:
                wrong.append(match.score)

    searcher = threading.Thread(target=search)
    searcher.start()
    for _ in range(3):
        known.add([template(i, i, v) for i, v in enumerate(drawn) if i])
        for i in range(1, 600):
            known.remove(person(i))
    done.set()
    searcher.join(timeout=10)
    assert not searcher.is_alive()
    assert wrong == []
