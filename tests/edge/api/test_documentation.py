"""docs/local-api.md and docs/enrolment.md name every operation, column and key that there is."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.api.gate import Gate
from edge.api.protocol.exchange import PROTOCOL_VERSION, Problem
from edge.api.routes.desk import Desk
from edge.api.routes.tables import tables
from edge.api.stage import Stage
from edge.cli.people import person_object
from edge.cli.staff_csv import OPTIONAL, REQUIRED
from edge.cli.staff_import import RowOutcome, RowReport
from edge.config.device import StaffConfig
from tests.edge.api.raw_http import ADA
from tests.edge.api.small_edge import SmallEdge
from tests.edge.daemon.kiosk import OPERATOR

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def local_api() -> str:
    return (DOCS / "local-api.md").read_text(encoding="utf-8")


def test_every_operation_is_documented_under_its_role(local_api: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        desk = Desk(
            service=SmallEdge(),
            stage=Stage(),
            workers=pool,
            enrolment=pool,
            uploads=asyncio.Semaphore(1),
            gate=Gate(StaffConfig(), device="door", now_s=lambda: 0.0),
        )
        offered = {
            (role.value, f"{method} {re.sub(r':[^/]*}}', '}', path)}")
            for role, rows in tables(desk).items()
            for method, path, _ in rows
        }
    documented = set(re.findall(r"^\| (\w+) \| `(\w+ /v1[^`?]*)", local_api, flags=re.MULTILINE))
    everybody = {entry for role, entry in documented if role == "all"}
    named = {(role, entry) for role, entry in documented if role != "all"}
    named |= {(role, entry) for role in ("staff", "screen", "sync") for entry in everybody}
    assert named == offered


def test_the_problem_keys_and_the_version_are_documented(local_api: str) -> None:
    assert f"Clockface-Protocol: {PROTOCOL_VERSION}" in local_api
    for key in Problem.model_fields:
        assert f"`{key}`" in local_api


def test_every_column_of_a_staff_list_and_every_key_of_the_json_is_documented() -> None:
    text = (DOCS / "enrolment.md").read_text(encoding="utf-8")
    person = person_object(SmallEdge().add_person(ADA, OPERATOR))
    row = RowReport(2, "1", RowOutcome.ENROLLED).as_object()
    for key in (*REQUIRED, *OPTIONAL, *person, *row, *(outcome.value for outcome in RowOutcome)):
        assert f"`{key}`" in text, key
