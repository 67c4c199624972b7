"""Spoken prompts, made beforehand by scripts/build-prompts: read here, and held against their hashes."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np

from edge.errors import SoundUnavailable
from edge.signals.tones import RATE_HZ, Samples

FOLDER = Path(__file__).parent
MANIFEST = "manifest.toml"
REBUILD = "install this release anew; or scripts/build-prompts"


def load_prompts(language: str, *, folder: Path = FOLDER) -> dict[str, Samples]:
    """All prompts of a language, by name.

    Raises:
        SoundUnavailable: A file is missing or is not the one that the manifest names.
    """
    try:
        manifest = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        hashes: dict[str, str] = manifest["prompts"][language]
        rate_hz = int(manifest["rate_hz"])
        contents = {name: (folder / language / f"{name}.ul").read_bytes() for name in hashes}
    except (OSError, ValueError, KeyError) as error:
        raise SoundUnavailable(
            "the spoken prompts cannot be read", where=f"{folder / language}", next_step=REBUILD
        ) from error
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != hashes[name]:
            raise SoundUnavailable(
                "a spoken prompt is not the one that the manifest names",
                where=f"{folder / language / name}.ul",
                next_step=REBUILD,
            )
    return {name: _faster(_linear(content), RATE_HZ // rate_hz) for name, content in contents.items()}


def _linear(content: bytes) -> Samples:
    """ITU-T G.711 mu-law to -1..1."""
    code = ~np.frombuffer(content, np.uint8)
    exponent = (code >> 4 & 7).astype(np.int32)
    magnitude = (((code & 15).astype(np.int32) << 3) + 132 << exponent) - 132
    samples: Samples = (np.where(code & 128, -magnitude, magnitude) / 32768).astype(np.float32)
    return samples


def _faster(samples: Samples, factor: int) -> Samples:
    """At a multiple of the rate, by straight lines between samples."""
    places = np.arange(len(samples) * factor) / factor
    raised: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    return raised
