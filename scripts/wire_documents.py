"""Writes docs/wire/schemas/*.json and docs/wire/asyncapi.yaml from the models in sync/wire/.

Run it from the root: `.venv/bin/python -m scripts.wire_documents`; --check says whether they are current, and
--validate FILE holds asyncapi.yaml to AsyncAPI's own JSON Schema (schemas/3.0.0.json of npm's @asyncapi/specs).
"""

import argparse
import json
import sys
from pathlib import Path

import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from scripts.wire_asyncapi import asyncapi
from scripts.wire_schemas import schemas

WIRE = Path(__file__).parents[1] / "docs" / "wire"
HEAD = "# Written by scripts/wire_documents.py from sync/wire/; change it there.\n"


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    written = {}
    for name, schema in schemas().items():
        Draft202012Validator.check_schema(schema)
        written[WIRE / "schemas" / f"{name}.json"] = json.dumps(schema, indent=2, ensure_ascii=True) + "\n"
    document = yaml.safe_dump(asyncapi(), sort_keys=False, width=110, allow_unicode=True)
    return written | {WIRE / "asyncapi.yaml": HEAD + document}


def differences() -> list[str]:
    """What is missing, old or left over, by file name."""
    wanted = files()
    kept = {*(WIRE / "schemas").glob("*"), WIRE / "asyncapi.yaml"}
    old = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return sorted(path.name for path in {*old, *(kept - set(wanted))})


def write() -> None:
    """Write all files, and remove what no model stands for any more."""
    wanted = files()
    (WIRE / "schemas").mkdir(parents=True, exist_ok=True)
    for left in set((WIRE / "schemas").glob("*")) - set(wanted):
        left.unlink()
    for path, text in wanted.items():
        path.write_text(text)


def validate(schema: Path) -> list[str]:
    """What AsyncAPI's own schema finds wrong."""
    found = Draft7Validator(json.loads(schema.read_text())).iter_errors(asyncapi())
    return [f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:200]}" for error in found]


def main() -> int:
    """Write, compare or validate."""
    parser = argparse.ArgumentParser(prog="scripts.wire_documents", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="say whether the documents are current")
    parser.add_argument("--validate", type=Path, metavar="FILE", help="AsyncAPI's own schema, 3.0.0.json")
    asked = parser.parse_args()
    if asked.validate:
        wrong = validate(asked.validate)
        print("\n".join(wrong) or "asyncapi.yaml is valid")
        return 1 if wrong else 0
    if not asked.check:
        write()
        return 0
    old = differences()
    if old:
        print(f"docs/wire is not current ({', '.join(old)}). Next: .venv/bin/python -m scripts.wire_documents")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
