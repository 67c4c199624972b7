"""An environment for each library in .cache/compare, made once with pip by package name.

They are kept apart because they exclude each other: two bring a `cv2`, and face_recognition's models need an
old setuptools. What cannot be installed is a reason to skip, never an error of the comparison.
"""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

INSTALL_TIMEOUT_S = 3600
"""dlib took four minutes on two cores of a server; a Raspberry Pi may take most of an hour."""


class CannotInstall(Exception):
    """A library's environment cannot be made here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a library's environment holds.

    Args:
        packages: Requirements for pip.
        compiles: Whether pip builds from source, which needs cmake, a C++ compiler and Python's headers.
    """

    packages: tuple[str, ...]
    compiles: bool = False


RECIPES = {
    "face_recognition": Recipe(
        packages=(
            "setuptools<81",  # its models are found with pkg_resources, which later ones lack
            "dlib==20.0.1",
            "face_recognition_models==0.3.0",
            "face_recognition==1.3.0",
        ),
        compiles=True,
    ),
    "mediapipe": Recipe(packages=("mediapipe==1.2.2",)),
    "onnxruntime": Recipe(packages=("onnxruntime>=1.20",)),
}


def environment(name: str, *, folder: Path, say: Callable[[str], None]) -> Path:
    """The Python of a library's environment, made if it is missing or of other packages.

    Raises:
        CannotInstall: Something that it needs is not there.
    """
    recipe, home = RECIPES[name], folder / name
    python, stamp, log = home / "bin" / "python", home / ".packages", folder / f"{name}.install.log"
    wanted = hashlib.sha256("\n".join((sys.version, *recipe.packages)).encode()).hexdigest()
    if python.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    if recipe.compiles:
        _require_compiler(name)
    say(f"making the environment of {name}" + (" (compiles for minutes)" if recipe.compiles else ""))
    shutil.rmtree(home, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *recipe.packages]
    for command in ([sys.executable, "-m", "venv", str(home)], pip):
        run_logged(command, name=name, log=log)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def run_logged(command: list[str], *, name: str, log: Path) -> None:
    """One step of an installation; what it says goes into the log.

    Raises:
        CannotInstall: It failed; the message has the last line that speaks of an error.
    """
    try:
        with log.open("wb") as output:
            subprocess.run(
                command, check=True, timeout=INSTALL_TIMEOUT_S, stdout=output, stderr=subprocess.STDOUT
            )
    except (OSError, subprocess.SubprocessError) as error:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = next((line for line in reversed(lines) if "error" in line.lower()), f"{type(error).__name__}")
        raise CannotInstall(f"{name} does not install: {said.strip()} (all of it: {log})") from error


def _require_compiler(name: str) -> None:
    missing = [tool for tool in ("cmake", "g++") if shutil.which(tool) is None]
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing.append("python3-dev")
    if missing:
        raise CannotInstall(
            f"{name} compiles dlib, which needs {', '.join(missing)}. Next: apt-get install {' '.join(missing)}"
        )
