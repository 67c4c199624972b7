"""The fuzzer: a bounded run of it holds on every decoder, and it finds what is planted."""

import json
import random
import time

import pytest

from scripts import fuzz_wire
from scripts.fuzz_wire import Finding, Target, fuzz, targets
from scripts.wire_hostile import BOMBS, mutate
from sync.wire.canonical import WireError

ROUNDS = 2_500
TARGETS = tuple(targets())


def test_every_decoder_holds_for_a_bounded_run() -> None:
    findings, told = fuzz(TARGETS, seed=1, may_go_on=lambda rounds: rounds < ROUNDS)
    assert findings == []
    assert told["rounds"] == ROUNDS
    assert told["read"] > 50  # else everything was refused at the door and nothing behind it tried


def test_every_target_reads_its_honest_inputs() -> None:
    for target in TARGETS:
        assert target.seeds, target.name
        for seed in target.seeds:
            target.run(target.prepare(seed))


def _refuses(_: bytes) -> None:
    raise WireError("no")


def _trusts_a_field(payload: bytes) -> None:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        raise WireError("no") from None
    if isinstance(document, dict) and document.get("seq") is not None:
        document["seq"] + 1


def _spins(_: bytes) -> None:
    ends = time.thread_time() + fuzz_wire.LIMIT_MS / 1000 * 1.5
    while time.thread_time() < ends:
        pass


@pytest.mark.parametrize(
    ("run", "what"),
    [(_trusts_a_field, "TypeError"), (_spins, "took"), (fuzz_wire._topic, None), (_refuses, None)],
)
def test_what_is_planted_is_found(run: object, what: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if run is _spins:
        monkeypatch.setattr(fuzz_wire, "LIMIT_MS", 3.0)  # it spins for as long as the limit says, and longer
    target = Target("planted", (b'{"seq":1}',), run)  # type: ignore[arg-type]
    findings, _ = fuzz((target,), seed=1, may_go_on=lambda rounds: rounds < 400)
    assert [each for each in findings if each.target != "planted"] == []
    assert bool(findings) is (what is not None)
    assert what is None or all(isinstance(each, Finding) and what in each.what for each in findings)


def test_the_same_seed_makes_the_same_inputs() -> None:
    seed = TARGETS[0].seeds[0]
    made = [mutate(seed, random.Random(n)) for n in (*range(50), *range(50))]  # noqa: S311 - repeatable
    assert made[:50] == made[50:]
    assert len(set(made)) > 40


def test_the_bombs_are_of_their_size() -> None:
    assert max(len(bomb()) for bomb in BOMBS.values()) > 10 * 2**20
