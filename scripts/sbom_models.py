"""Finishes what `scripts/sbom` wrote: markers as properties instead of prose, and the shipped models.

A bill without the models would leave out what decides who is let in. Run as
`python -m scripts.sbom_models FOLDER`.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_PIN = re.compile(r"requirements line \d+: [A-Za-z0-9._-]+(?:\[[^]]*\])?==([^ ;]+)(?: ; (.*?))?\s+--hash")


def models() -> list[dict[str, Any]]:
    """The models of models/manifest.toml as CycloneDX components."""
    manifest = tomllib.loads((ROOT / "models" / "manifest.toml").read_text(encoding="utf-8"))
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": f"model-{model['name']}",
            "name": model["name"],
            "hashes": [{"alg": "SHA-256", "content": model["sha256"]}],
            "licenses": [{"expression": model["licence"]}],
            "properties": [{"name": "clockface:file", "value": model["file"]}],
        }
        for model in manifest["model"]
    ]


def finished(bill: dict[str, Any], held: list[dict[str, Any]]) -> dict[str, Any]:
    """A bill with each package's marker as a property (its hashes are there already), and the models."""
    for component in bill["components"]:
        described = component.pop("description", "")
        found = _PIN.match(described)
        if found and found[2]:
            component["properties"] = [{"name": "clockface:marker", "value": found[2].rstrip(" \\")}]
    bill["components"] += held
    return bill


def main() -> None:
    """Finish every bill of a folder."""
    held = models()
    for path in sorted(Path(sys.argv[1]).glob("clockface-*.cdx.json")):
        bill = finished(json.loads(path.read_text(encoding="utf-8")), held)
        path.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{path}: {len(bill['components'])} components, {len(held)} of them models")


if __name__ == "__main__":
    main()
