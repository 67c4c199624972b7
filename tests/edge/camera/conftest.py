"""The system's GStreamer, where there is one that this Python can load."""

import importlib
import importlib.util
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.camera import gstreamer
from edge.errors import CameraUnavailable

SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")


@pytest.fixture(scope="session")
def gst() -> Iterator[gstreamer.Gst]:
    """Real GStreamer. Debian's PyGObject serves from outside the environment if it fits this Python."""
    added = False
    if importlib.util.find_spec("gi") is None:
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        if not (SYSTEM_PACKAGES / "gi" / f"_gi{suffix}").exists():
            pytest.skip(f"no PyGObject for this Python: {gstreamer.INSTALL}")
        sys.path.append(str(SYSTEM_PACKAGES))
        added = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # Debian 12's PyGObject imports in an old way
            loaded = gstreamer.load()
        yield loaded
    except CameraUnavailable as error:
        pytest.skip(f"no GStreamer here: {error}")
    finally:
        if added:
            sys.path.remove(str(SYSTEM_PACKAGES))
            importlib.invalidate_caches()
