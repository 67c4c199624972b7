"""Open-set identification over many draws of the enrolled photograph, and with thresholds from other people.

    .venv/bin/python scripts/accuracy.py FACES [--draws 100] [--json]

FACES holds one folder a person. People with two pictures or more are enrolled with one, drawn anew each time,
and probe with all others; people with one picture are strangers. One draw says little (the enrolled photograph
alone moves FNIR by half a point), so the mean and spread of many are given. "Other half": the threshold is
chosen on one random half of the people, enrolled and strangers, and both rates are reported on the other half.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.cli.progress import progress_bar
from edge.config.tree import Config
from edge.evaluation import rates
from edge.evaluation.machine import describe
from edge.evaluation.reading import read_all
from edge.evaluation.samples import Sample, read_folder
from edge.evaluation.still import StillReader
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import open_models
from edge.inference.models import ModelStore

FPIR = 0.01
MARGIN = Config().decision.margin
MEASURED = {
    "rank_1": "rank-1",
    "fnir": "FNIR at FPIR 1 %",
    "fnir_lead": f"with a lead of {MARGIN}: FNIR",
    "fpir_lead": f"with a lead of {MARGIN}: FPIR",
    "fnir_b": "other half: FNIR",
    "fpir_b": "other half: FPIR",
    "threshold": "threshold",
}


class Cosines:
    """Every picture as a probe against every picture as a template."""

    def __init__(self, samples: list[Sample]) -> None:
        config = Config()
        models = open_models(ModelStore(), config.inference)
        with progress_bar() as progress:
            readings = read_all(
                enrolled=samples,
                probing=samples,
                reader=StillReader(FaceAnalyser(models, limits=config.quality)),
                quality_gate=False,
                progress=progress,
            )
        self.chain = models.embedder.model_hash
        self.acquisition = readings.summary()
        kept = [sample for sample in samples if sample.path in readings.probes]
        probes = np.stack([readings.probes[sample.path] for sample in kept])
        templates = np.stack([readings.templates[sample.path] for sample in kept])
        self.all: NDArray[np.float32] = probes @ templates.T
        self.of: dict[str, list[int]] = {}
        for index, sample in enumerate(kept):
            self.of.setdefault(sample.person, []).append(index)


class Trial(NamedTuple):
    """One draw of the enrolled photographs.

    Args:
        genuine: (n,) score of each mated probe, -inf where another person ranks first.
        first: (n,) whether the right person ranks first.
        strangers: (m,) best score of each stranger.
        genuine_lead: (n,) how far the first person is ahead of the second.
        stranger_lead: (m,) likewise.
    """

    genuine: NDArray[np.float64]
    first: NDArray[np.bool_]
    strangers: NDArray[np.float64]
    genuine_lead: NDArray[np.float64]
    stranger_lead: NDArray[np.float64]


def trial(cosines: Cosines, enrolled: list[str], strangers: list[str], draw: np.random.Generator) -> Trial:
    """Enrol each person with one photograph and search for everybody else's."""
    template = np.array([draw.choice(cosines.of[person]) for person in enrolled])
    probes = [(i, n) for n, person in enumerate(enrolled) for i in cosines.of[person] if i != template[n]]
    index, owner = np.array(probes).T
    scores = cosines.all[np.ix_(index, template)]
    first = scores.argmax(axis=1) == owner
    best, lead = _best_two(scores)
    others = np.array([i for person in strangers for i in cosines.of[person]])
    stranger_best, stranger_lead = _best_two(cosines.all[np.ix_(others, template)])
    return Trial(np.where(first, best, -np.inf), first, stranger_best, lead, stranger_lead)


def _best_two(scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ordered = np.partition(scores.astype(np.float64), -2, axis=1)
    return ordered[:, -1], ordered[:, -1] - ordered[:, -2]


def measure(cosines: Cosines, draws: int) -> dict[str, object]:
    """Means and standard deviations over the draws, as shares."""
    people = sorted(cosines.of)
    several = [person for person in people if len(cosines.of[person]) > 1]
    single = [person for person in people if len(cosines.of[person]) == 1]
    random = np.random.default_rng(0)
    rows: dict[str, list[float]] = {name: [] for name in MEASURED}
    for _ in range(draws):
        drawn = trial(cosines, several, single, random)
        threshold = rates.threshold_at_rate(drawn.strangers, FPIR)
        rows["fnir"].append(1 - rates.share_at_least(drawn.genuine, threshold))
        rows["rank_1"].append(float(drawn.first.mean()))
        rows["threshold"].append(threshold)
        named = (drawn.genuine >= threshold) & (drawn.genuine_lead >= MARGIN)
        mistaken = (drawn.strangers >= threshold) & (drawn.stranger_lead >= MARGIN)
        rows["fnir_lead"].append(float(1 - named.mean()))
        rows["fpir_lead"].append(float(mistaken.mean()))
        half_a, half_b = (_half(group, random) for group in (several, single))
        chosen_on = trial(cosines, half_a[0], half_b[0], random)
        reported = trial(cosines, half_a[1], half_b[1], random)
        threshold_a = rates.threshold_at_rate(chosen_on.strangers, FPIR)
        rows["fnir_b"].append(1 - rates.share_at_least(reported.genuine, threshold_a))
        rows["fpir_b"].append(rates.share_at_least(reported.strangers, threshold_a))
    return {
        "chain": cosines.chain,
        "acquisition": cosines.acquisition,
        "draws": draws,
        "enrolled": len(several),
        "strangers": len(single),
        "fpir": FPIR,
        **{name: {"mean": float(np.mean(v)), "sd": float(np.std(v))} for name, v in rows.items()},
    }


def _half(people: list[str], draw: np.random.Generator) -> tuple[list[str], list[str]]:
    order = draw.permutation(len(people))
    cut = len(people) // 2
    return [people[i] for i in order[:cut]], [people[i] for i in order[cut:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    report = measure(Cosines(read_folder(asked.faces)), asked.draws)
    if asked.json:
        print(json.dumps({"machine": describe()} | report, indent=2))
        return
    print(
        f"{report['enrolled']} enrolled with one photograph, {report['strangers']} strangers, "
        f"{asked.draws} draws"
    )
    for name, what in MEASURED.items():
        value = report[name]
        scale, unit = (1, "") if name == "threshold" else (100, " %")
        print(f"{what:<26} {value['mean'] * scale:.3f}{unit} (sd {value['sd'] * scale:.3f})")  # type: ignore[index]


if __name__ == "__main__":
    main()
