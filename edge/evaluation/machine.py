"""Names the machine that a figure was measured on: a figure without it says nothing."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge import __version__
from edge.evaluation.report import JsonObject
from edge.inference.runtime import runtime_name

PACKAGES = ("ai-edge-litert", "tflite-runtime", "numpy", "opencv-python-headless")


def describe() -> JsonObject:
    """Board, processor, memory, kernel, Python and the libraries that matter; nothing that names a host."""
    return {
        "board": _text(Path("/proc/device-tree/model")) or "not named by its firmware",
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "clockface": __version__,
        "runtime": runtime_name(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00\n ")
    except OSError:
        return ""


def _processor() -> str:
    """The processor's name, or on ARM, where /proc/cpuinfo has none, its part numbers."""
    fields: dict[str, str] = {}
    for line in _text(Path("/proc/cpuinfo")).splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    if "model name" in fields:
        return fields["model name"]
    parts = [f"{key} {fields[key]}" for key in ("CPU implementer", "CPU part", "Hardware") if key in fields]
    return ", ".join(parts) or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
