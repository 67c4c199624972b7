"""A test or a script that imports what has moved is found before it runs."""

from pathlib import Path

from scripts.imported_names import missing

PEOPLE = "from pathlib import Path\n\nLIMIT: int = 3\nA, B = 1, 2\n\n\nclass People: ...\n"


def found(root: Path, test: str) -> list[str]:
    for name, text in {"edge/store/people.py": PEOPLE, "tests/test_people.py": test}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return list(missing(root))


def test_names_and_modules_that_are_there_are_found_to_be_there(tmp_path: Path) -> None:
    lines = (
        "from edge.store import people",
        "from edge.store.people import (",
        "    B,  # the second",
        "    LIMIT as MOST,",
        "    People,",
        ")",
        "    from edge.store.people import Path",
    )
    assert found(tmp_path, "\n".join(lines)) == []


def test_a_name_that_moved_and_a_module_that_went_are_named_with_their_line(tmp_path: Path) -> None:
    lines = ("import os", "from edge.store.people import People, Person", "from edge.stores import people")
    assert found(tmp_path, "\n".join(lines)) == [
        "tests/test_people.py:2: edge.store.people has no Person",
        "tests/test_people.py:3: there is no module edge.stores",
    ]


def test_what_others_made_is_not_looked_at(tmp_path: Path) -> None:
    assert found(tmp_path, "from numpy import nothing_of_the_kind\n") == []
