from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.errors import ModelError, OperatingPointMissing
from edge.inference import operating_point
from edge.inference.operating_point import OperatingPoint, Quantile, choose, load, merge, write
from edge.types.identity import ModelHash
from tests.edge.inference.given import CHAIN

OTHER = ModelHash("b" * 64)


def point(
    fpir: float = 0.01,
    threshold: float = 0.5,
    *,
    chain: ModelHash = CHAIN,
    people: int = 250,
    strangers: int = 1000,
    quantiles: tuple[tuple[float, float], ...] = (),
) -> OperatingPoint:
    return OperatingPoint(
        model_hash=chain,
        fpir=fpir,
        threshold=threshold,
        gallery_people=people,
        strangers=strangers,
        fnir=0.02,
        impostor_quantiles=tuple(Quantile(rate=r, score=s) for r, s in quantiles),
        command="clockface evaluate identify --write",
    )


def test_the_point_of_this_chain_and_rate_is_chosen() -> None:
    points = (point(0.01, 0.5), point(0.003, 0.6), point(0.01, 0.2, chain=OTHER))
    chosen = choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=100)
    assert (chosen.score, chosen.supported) == (0.5, True)
    assert choose(points, model_hash=CHAIN, max_fpir=0.004, gallery_people=100).score == 0.6


@pytest.mark.parametrize("points", [(), (point(0.01),), (point(0.001, chain=OTHER),)])
def test_without_a_measured_point_there_is_no_threshold(points: tuple[OperatingPoint, ...]) -> None:
    with pytest.raises(OperatingPointMissing) as caught:
        choose(points, model_hash=CHAIN, max_fpir=0.005)
    assert "clockface evaluate identify --write" in str(caught.value)


def test_a_larger_gallery_takes_the_threshold_of_a_proportionally_smaller_rate() -> None:
    points = (point(0.01, 0.5), point(0.005, 0.55), point(0.002, 0.6))
    assert choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=250).score == 0.5
    assert choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=500).score == 0.55
    assert choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=501).score == 0.6


def test_a_larger_gallery_takes_the_impostor_quantile_where_no_point_fits() -> None:
    points = (point(0.01, 0.5, quantiles=((1e-4, 0.4), (1e-5, 0.58), (1e-6, 0.66))),)
    chosen = choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=1000)
    assert (chosen.score, chosen.supported) == (0.58, True)
    assert choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=10_000).score == 0.66


def test_a_gallery_that_nothing_supports_gets_the_strictest_threshold_and_says_so() -> None:
    points = (point(0.01, 0.5), point(0.005, 0.55, quantiles=((1e-4, 0.6),)))
    chosen = choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=50_000)
    assert (chosen.score, chosen.supported) == (0.6, False)


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_a_larger_gallery_never_has_a_lower_threshold(one: int, two: int) -> None:
    points = (
        point(0.01, 0.5, quantiles=((1e-4, 0.45), (1e-5, 0.57))),
        point(0.003, 0.56),
        point(0.001, 0.61, people=500, quantiles=((1e-6, 0.67),)),
    )
    small, large = sorted((one, two))
    assert (
        choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=small).score
        <= choose(points, model_hash=CHAIN, max_fpir=0.01, gallery_people=large).score
    )


def test_a_sample_that_cannot_carry_the_rate_is_refused() -> None:
    with pytest.raises(ValidationError, match="cannot carry"):
        point(0.001, strangers=350)


@pytest.mark.parametrize("wrong", [{"threshold": float("nan")}, {"threshold": 1.5}, {"command": "a\nb"}])
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OperatingPoint.model_validate({**point().model_dump(), **wrong})


rates = st.floats(1e-9, 0.5)
points_drawn = st.builds(
    point,
    st.floats(0.01, 0.5),
    st.floats(-1, 1),
    chain=st.sampled_from([CHAIN, OTHER]),
    people=st.integers(1, 10_000),
    quantiles=st.lists(rates, max_size=4).map(lambda r: tuple((rate, 0.5) for rate in r)),
)


@settings(max_examples=40)
@given(st.lists(points_drawn, max_size=5), st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[OperatingPoint], command: str
) -> None:
    path = tmp_path_factory.mktemp("points") / operating_point.FILE_NAME
    points = merge((), tuple(p.model_copy(update={"command": command[:500]}) for p in drawn))
    write(path, points)
    write(path, points)
    assert sorted(load(path), key=repr) == sorted(points, key=repr)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_new_measurement_replaces_the_old_one_and_leaves_other_chains() -> None:
    kept = point(chain=OTHER)
    assert set(merge((point(threshold=0.4), kept), (point(threshold=0.6),))) == {point(threshold=0.6), kept}


def test_no_file_holds_no_points(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml") == ()


@pytest.mark.parametrize(
    "text", ["format = 2\n", "format = 1\nextra = 1\n", "not toml", "format = 1\n[[point]]\nfpir = 1\n", "\xff"]
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / operating_point.FILE_NAME
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert path.name in str(caught.value)
