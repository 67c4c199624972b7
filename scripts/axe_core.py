"""The accessibility check that the screen's tests run in the browser: axe-core, from npm, by its hash.

`scripts/setup dev` fetches it once; run by itself it does the same.
"""

from pathlib import Path
from typing import Final

from edge.inference.models import Source
from scripts.model_sources import read_source

CACHE: Final = Path(__file__).parents[1] / ".cache" / "packages"
AXE: Final = Source(
    ecosystem="npm",
    package="axe-core",
    version="4.14.1",
    path="axe.min.js",
    sha256="29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
)


def axe_core() -> str:
    """The script's text, fetched if the cache has no copy of the package."""
    return read_source(AXE, cache=CACHE).decode()


if __name__ == "__main__":
    axe_core()
