"""Says whether every name that tests and scripts import from our own packages is there.

mypy holds the packages to it and does not look at these, which are imported only when they run: what has moved
would be found minutes or a night later. Reads the files as text, which takes a tenth of parsing all of them; a
module is parsed where the text leaves a doubt, and none is run.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
IMPORT: Final = re.compile(
    r"^[ \t]*from ((?:clockface|edge|scripts|sync|tests)[\w.]*) import (?:\(([^)]*)\)|([^\n]*))", re.MULTILINE
)


def missing(root: Path) -> Iterator[str]:
    """A line for each name that a test or a script imports and no module of ours has."""

    @cache
    def bound(module: str) -> frozenset[str]:
        return frozenset(_bound(ast.parse(_source(root, module) or "")))

    for path in sorted((*root.glob("tests/**/*.py"), *root.glob("scripts/**/*.py"))):
        text = path.read_text(encoding="utf-8")
        for found in IMPORT.finditer(text):
            module, where = found[1], f"{path.relative_to(root)}:{text.count(chr(10), 0, found.start()) + 1}"
            source = _source(root, module)
            if source is None:
                yield f"{where}: there is no module {module}"
                continue
            for name in re.findall(r"(\w+)(?: as \w+)?,?", re.sub(r"#.*", "", found[2] or found[3])):
                if _plainly(name, source) or _source(root, f"{module}.{name}") is not None:
                    continue
                if name not in bound(module):
                    yield f"{where}: {module} has no {name}"


@cache
def _source(root: Path, module: str) -> str | None:
    """A module's text; a package without `__init__.py` has none, and is there."""
    path = root.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return "" if path.is_dir() else None


def _plainly(name: str, source: str) -> bool:
    """Whether a line at the module's own level defines the name."""
    return re.search(rf"^(?:(?:async )?def |class )?{name}\b(?=[(:\[ ])", source, re.MULTILINE) is not None


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((each.asname or each.name).partition(".")[0] for each in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


def main() -> int:
    """Print what is missing; 1 if anything is."""
    found = list(missing(ROOT))
    print("".join(f"{line}\n" for line in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
