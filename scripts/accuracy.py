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

import numpy as np
from numpy.typing import NDArray

from edge.cli.progress import progress_bar
from edge.config import Config
from edge.evaluation import rates
from edge.evaluation.machine import describe
from edge.evaluation.reading import read_all
from edge.evaluation.samples import Sample, read_folder
from edge.evaluation.still import StillReader
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import open_models
from edge.inference.models import ModelStore

FPIR = 0.01


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


def trial(
    cosines: Cosines, enrolled: list[str], strangers: list[str], draw: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """One draw: genuine scores (-inf where another person ranks first), rank-1 hits, strangers' best scores."""
    template = np.array([draw.choice(cosines.of[person]) for person in enrolled])
    probes = [(i, n) for n, person in enumerate(enrolled) for i in cosines.of[person] if i != template[n]]
    index, owner = np.array(probes).T
    scores = cosines.all[np.ix_(index, template)]
    first = scores.argmax(axis=1) == owner
    genuine = np.where(first, scores.max(axis=1), -np.inf)
    others = np.array([i for person in strangers for i in cosines.of[person]])
    return genuine, first, cosines.all[np.ix_(others, template)].max(axis=1).astype(np.float64)


def measure(cosines: Cosines, draws: int) -> dict[str, object]:
    """Means and standard deviations over the draws, as shares."""
    people = sorted(cosines.of)
    several = [person for person in people if len(cosines.of[person]) > 1]
    single = [person for person in people if len(cosines.of[person]) == 1]
    random = np.random.default_rng(0)
    rows: dict[str, list[float]] = {name: [] for name in ("fnir", "rank_1", "threshold", "fnir_b", "fpir_b")}
    for _ in range(draws):
        genuine, first, strangers = trial(cosines, several, single, random)
        threshold = rates.threshold_at_rate(strangers, FPIR)
        rows["fnir"].append(1 - rates.share_at_least(genuine, threshold))
        rows["rank_1"].append(float(first.mean()))
        rows["threshold"].append(threshold)
        half_a, half_b = (_half(group, random) for group in (several, single))
        _, _, chosen_on = trial(cosines, half_a[0], half_b[0], random)
        genuine_b, _, strangers_b = trial(cosines, half_a[1], half_b[1], random)
        threshold_a = rates.threshold_at_rate(chosen_on, FPIR)
        rows["fnir_b"].append(1 - rates.share_at_least(genuine_b, threshold_a))
        rows["fpir_b"].append(rates.share_at_least(strangers_b, threshold_a))
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
    for name, what in (
        ("rank_1", "rank-1"),
        ("fnir", "FNIR at FPIR 1 %"),
        ("fnir_b", "other half: FNIR"),
        ("fpir_b", "other half: FPIR"),
        ("threshold", "threshold"),
    ):
        value = report[name]
        scale, unit = (1, "") if name == "threshold" else (100, " %")
        print(f"{what:<20} {value['mean'] * scale:.3f}{unit} (sd {value['sd'] * scale:.3f})")  # type: ignore[index]


if __name__ == "__main__":
    main()
