"""What a real start leaves in memory: asked of a process of its own, since it changes the whole process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.daemon.heap import EVERY_S, SpareMemory

PROGRAM = """
import gc, json, os, sys
from edge.daemon.heap import begin_start, end_start, without_authorities
begin_start()
looked = gc.isenabled()
with without_authorities():
    import edge.cli.main, edge.cli.run, edge.app
end_start()
import aiohttp.connector
trusted = aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"]
found = {"looked": looked, "looks": gc.isenabled(), "stays": gc.get_freeze_count(), "loaded": [*sys.modules]}
print(json.dumps(found | {"trusted": trusted, "kept": {k: v for k, v in os.environ.items() if "SSL" in k}}))
"""


@pytest.fixture(scope="module")
def started() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_garbage_is_looked_for_until_the_start_is_over(started: dict[str, Any]) -> None:
    assert not started["looked"]
    assert started["looks"]


def test_what_a_start_makes_is_not_looked_through_again(started: dict[str, Any]) -> None:
    assert started["stays"] > 100_000


def test_the_daemon_loads_nothing_that_only_commands_need(started: dict[str, Any]) -> None:
    packages = {name.partition(".")[0] for name in started["loaded"]}
    assert not packages & {"rich", "pygments", "httpx", "httpcore", "click", "tomlkit", "segno", "fpdf"}
    assert "edge.doctor" not in started["loaded"]


def test_the_daemon_loads_no_certificate_authorities(started: dict[str, Any]) -> None:
    assert started["trusted"] == 0
    assert started["kept"] == {key: value for key, value in os.environ.items() if "SSL" in key}


def test_spare_memory_goes_back_once_a_minute() -> None:
    given: list[float] = []
    now = 1000.0
    spare = SpareMemory(lambda: given.append(now))
    for _ in range(int(3 * EVERY_S)):
        spare(now)
        now += 1.0
    assert given == [1000.0 + EVERY_S, 1000.0 + 2 * EVERY_S]
