import pytest

from edge.inference.stages import KEPT, Stage, StageTimes


class Ticker:
    """Seconds that pass only when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_stage_has_the_median_and_p95_of_its_last_runs() -> None:
    ticker = Ticker()
    times = StageTimes(ticker)
    for run in range(1, KEPT + 101):
        with times.measure(Stage.EMBED):
            ticker.now += 1.0 if run <= 100 else 0.004
        with times.measure(Stage.MATCH):
            ticker.now += run / 1000
    costs = times.costs()
    assert list(costs) == [Stage.EMBED, Stage.MATCH]
    assert (costs[Stage.EMBED].runs, costs[Stage.MATCH].runs) == (KEPT, KEPT)
    assert costs[Stage.EMBED].median_ms == pytest.approx(4.0)
    assert costs[Stage.MATCH].median_ms == pytest.approx(100 + (KEPT + 1) / 2)
    assert costs[Stage.MATCH].p95_ms == pytest.approx(100 + 0.95 * KEPT, abs=1)


def test_a_run_that_raises_does_not_count_and_clear_forgets() -> None:
    times = StageTimes(Ticker())
    with pytest.raises(RuntimeError), times.measure(Stage.DETECT):
        raise RuntimeError
    assert times.costs() == {}
    with times.measure(Stage.DETECT):
        pass
    assert times.costs()[Stage.DETECT].runs == 1
    times.clear()
    assert times.costs() == {}
