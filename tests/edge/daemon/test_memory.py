"""The memory of the process that holds the keys is shut: no core file, no look by others of its user."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_VICTIM = """
import os, resource, signal
from edge.daemon.memory import close_memory, is_closed
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
assert not is_closed()
assert close_memory()
assert is_closed()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_a_crash_of_a_process_with_closed_memory_leaves_no_core_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _VICTIM],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.returncode == -signal.SIGABRT, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_daemon_closes_its_memory_before_it_reads_a_key() -> None:
    source = Path(__file__).parents[3].joinpath("edge", "app.py").read_text(encoding="utf-8")
    body = source[source.index("def run(") :]
    assert body.index("close_memory()") < body.index("build(")
