"""The security pages name tests that exist, all eight attackers, and every promise this project grew from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "security"
PAGES = [ROOT / "SECURITY.md", *sorted(FOLDER.glob("*.md"))]
TEST = re.compile(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`")
ATTACKERS = (
    "stolen device",
    "stolen card",
    "hostile network",
    "hostile broker",
    "hostile employee",
    "hostile installer",
    "malicious model or update file",
    "curious office",
)
PROMISED = (
    "DJANGO_SECRET_KEY",
    "DATA_ENCRYPTION_KEY",
    "FACE_DATA_ENCRYPTION_KEY",
    "DJANGO_ALLOWED_HOSTS",
    "DJANGO_SESSION_COOKIE_SECURE",
    "DJANGO_SESSION_COOKIE_HTTPONLY",
    "DJANGO_SESSION_COOKIE_SAMESITE",
    "DJANGO_SESSION_COOKIE_AGE",
    "DJANGO_SESSION_EXPIRE_AT_BROWSER_CLOSE",
    "DJANGO_CSRF_COOKIE_SECURE",
    "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_HOST",
    "DB_PORT",
    "DB_CONN_MAX_AGE",
    "DB_SSL_REQUIRE",
)


def named_tests() -> list[tuple[str, str, str]]:
    found = []
    for page in PAGES:
        found += [(page.name, file, name) for file, name in TEST.findall(page.read_text(encoding="utf-8"))]
    return found


def test_every_test_that_a_page_names_exists() -> None:
    assert len(named_tests()) > 60
    missing = [
        (page, file, name)
        for page, file, name in named_tests()
        if not (ROOT / file).is_file()
        or (name and not re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))
    ]
    assert not missing, missing


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_every_attacker_has_what_stops_them_with_tests_and_what_remains(attacker: str) -> None:
    sections = re.split(r"^## ", (FOLDER / "threats.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    [section] = [each for each in sections if each.splitlines()[0] == f"The {attacker}"]
    assert len(TEST.findall(section)) >= 3
    assert "**What remains.**" in section


@pytest.mark.parametrize("variable", PROMISED)
def test_every_promised_variable_has_its_row(variable: str) -> None:
    rows = re.findall(
        r"^\| (`[^|]*) \| ([^|]+) \| ([^|]+) \|$", (FOLDER / "promises.md").read_text(), re.MULTILINE
    )
    assert [said for names, said, why in rows if f"`{variable}`" in names and why.strip()], variable


def test_response_times_stand_in_the_first_page() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "within 48 hours" in text
    assert "within 7 days" in text
