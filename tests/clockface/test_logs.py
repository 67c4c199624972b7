"""No canary comes out of any way into the log; what may be written is written, in both forms."""

import ast
import base64
import io
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from clockface.config import LoggingConfig
from clockface.log_fields import FIELDS, PACKAGES
from clockface.logs import set_up
from edge.errors import ModelMissing
from edge.types.verdicts import Outcome
from tests.clockface import leaky_program as canary

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
EVENT = re.compile(r"[a-z][a-z0-9_]{0,60}")

log = structlog.get_logger(__name__)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    undo = set_up(LoggingConfig(form="json"), stream=stream)
    yield stream
    undo()


def last(lines: io.StringIO) -> dict[str, object]:
    found: dict[str, object] = json.loads(lines.getvalue().splitlines()[-1])
    return found


def spellings() -> dict[str, str]:
    """Every way in which a canary could show."""
    image, vector = canary.IMAGE, canary.VECTOR
    return {
        "first name": "Wilhelmina",
        "last name": "Zzyzx",
        "number": "1048290",
        "person id": canary.PERSON[:16],
        "key": canary.KEY[:16],
        "key's bytes": "canary-fernet-key",
        "token": canary.TOKEN[:16],
        "token's body": canary.TOKEN[40:56],
        "image in base64": base64.b64encode(image).decode()[:16],
        "image in hex": image.hex()[:16],
        "image as numbers": ", ".join(str(b) for b in image[:6]),
        "image as text": image[41:].decode("latin-1"),
        "embedding": f"{vector[3]:.4f}",
        "embedding's first": f"{vector[0]:.5f}"[:6],
        "embedding in hex": vector.tobytes().hex()[:16],
    }


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_canary_comes_out_of_any_sink(form: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.clockface.leaky_program", form],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1  # the uncaught exception at its end
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())
    leaked = [what for what, text in spellings().items() if text in done.stderr]
    assert not leaked, leaked
    for event in ("canary_passed", "canaries_done", "uncaught_exception_in_thread", "exception_ignored",
                  "asyncio_error", "python_warning", "store_failed", "library_message"):  # fmt: skip
        assert event in done.stderr, f"{event} did not reach the log at all"
    assert re.search(r"uncaught_exception\b(?!_)", done.stderr)
    assert "log_line_failed" not in done.stderr
    assert "\x1b[31m is missing" not in done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_before_the_log_is_set_up_nothing_is_written_at_all(package: str) -> None:
    program = (
        f"import {package}, structlog\nlog = structlog.get_logger()\nlog.error('Ada')\nlog.exception('Ada')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_line_carries_what_is_registered_and_only_the_type_of_the_rest(lines: io.StringIO) -> None:
    log.info(
        "verdict", outcome=Outcome.UNKNOWN, reason="time_limit", frames=3, fps=14.98765432, name="Ada", seq=None
    )
    line = last(lines)
    assert line.pop("timestamp")
    assert line == {
        "level": "info", "event": "verdict", "logger": __name__, "outcome": "unknown", "reason": "time_limit",
        "frames": 3, "fps": 14.9877, "withheld": ["str"],
    }  # fmt: skip


def test_an_array_in_a_registered_field_leaves_only_its_type(lines: io.StringIO) -> None:
    log.info("verdict", frames=np.ones(4), reason="not in any source")
    assert last(lines)["frames"] == "<withheld: ndarray>"
    assert last(lines)["reason"] == "<withheld: str>"


def test_an_event_that_does_not_stand_in_the_code_is_withheld(lines: io.StringIO) -> None:
    event = "ada_" + str(len("lovelace"))
    log.info(event)
    assert last(lines)["event"] == "event_withheld"


def test_our_errors_keep_their_message_and_foreign_ones_only_class_and_place(lines: io.StringIO) -> None:
    try:
        try:
            int("Ada")
        except ValueError as error:
            raise ModelMissing("no manifest", where="models/manifest.toml") from error
    except ModelMissing:
        log.exception("models_failed")
    ours, foreign = last(lines)["exception"]  # type: ignore[misc]
    assert ours["message"] == "no manifest (models/manifest.toml)"  # type: ignore[index]
    assert foreign["class"] == "ValueError"  # type: ignore[index]
    assert "message" not in foreign
    assert "test_logs.py:" in foreign["at"][-1]  # type: ignore[index]


def test_a_library_s_message_is_written_only_where_it_is_a_literal(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("slow callback of %s", "Ada")
    assert last(lines)["message"] == "slow callback of %s"
    logging.getLogger("asyncio").warning("slow callback of " + "Ada".lower())
    assert last(lines)["message"] == "<withheld>"


def test_the_level_is_the_least_that_is_written(lines: io.StringIO) -> None:
    log.debug("too_detailed")
    logging.getLogger("asyncio").info("too detailed")
    assert lines.getvalue() == ""


def test_lines_for_the_journal_begin_with_their_priority() -> None:
    stream = io.StringIO()
    undo = set_up(LoggingConfig(form="json"), stream=stream, journal=True)
    log.error("camera_lost")
    log.info("camera_found")
    undo()
    assert [line[:3] for line in stream.getvalue().splitlines()] == ["<3>", "<6>"]


def test_a_stream_that_is_gone_does_not_stop_the_work(lines: io.StringIO) -> None:
    lines.close()
    log.error("camera_lost")


def test_lines_of_many_threads_do_not_mix(lines: io.StringIO) -> None:
    threads = [
        threading.Thread(target=lambda: [log.info("tick", frames=n) for n in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(json.loads(line)["frames"] for line in lines.getvalue().splitlines()) == 4 * sum(range(50))


def test_a_path_of_the_api_shows_no_id_and_no_word_from_outside(lines: io.StringIO) -> None:
    log.warning("listener_gone", path=f"/v1/people/{canary.PERSON}", where="/v1/Ada")
    assert last(lines)["path"] == "/v1/people/{id}"
    assert last(lines)["where"] == "<withheld: str>"


def test_an_error_may_be_given_by_the_name_of_its_class(lines: io.StringIO) -> None:
    log.error("store_failed", error=sqlite3.OperationalError.__name__)
    assert last(lines)["error"] == "OperationalError"
    log.error("store_failed", error="Ada")
    assert last(lines)["error"] == "<withheld: str>"


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60), st.sampled_from(sorted(FIELDS)))
def test_no_kind_passes_free_text(text: str, field: str) -> None:
    written = FIELDS[field](f"{text} {text}")
    assert written is None


def our_sources() -> list[Path]:
    return sorted(source for package in PACKAGES for source in (ROOT / package).rglob("*.py"))


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for source in our_sources():
        if source.name == "logs.py":
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id.strip("_") in {"log", "logger"}
            ):
                yield f"{source.relative_to(ROOT)}:{node.lineno}", node


def test_every_log_call_has_a_literal_event_and_registered_fields_only() -> None:
    wrong = []
    for where, call in log_calls():
        first = call.args[0] if len(call.args) == 1 else None
        if not (
            isinstance(first, ast.Constant) and isinstance(first.value, str) and EVENT.fullmatch(first.value)
        ):
            wrong.append(f"{where}: the event must be one literal, in lower case with underscores")
        unknown = [str(k.arg) for k in call.keywords if k.arg not in FIELDS and k.arg != "exc_info"]
        wrong += [f"{where}: {name} is not in clockface/log_fields.py" for name in unknown]
    assert not wrong, "\n".join(wrong)


def test_nothing_logs_around_the_allow_list() -> None:
    wrong = []
    for source in our_sources():
        text = source.read_text()
        if source.name != "logs.py" and re.search(r"^\s*(import|from) logging\b|traceback\.print_", text, re.M):
            wrong.append(str(source.relative_to(ROOT)))
    assert not wrong, wrong
