"""Libraries of the system that a backend needs: asked for when it is chosen, refused with the command to type.

They come from the distribution or have to be built on the machine, so the plain environment does not have them.
"""

import importlib
from types import ModuleType

from edge.errors import CameraUnavailable


def need(module: str, *, for_source: str, install: str) -> ModuleType:
    """Import a module.

    Args:
        module: Its name.
        for_source: The value of camera.source that needs it.
        install: The command that installs it.

    Raises:
        CameraUnavailable: It is not there, or does not fit the rest (a numpy of another ABI is a ValueError).
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise CameraUnavailable(
            f"camera.source = {for_source} needs the Python module {error.name}, not seen from here",
            where=module,
            next_step=install,
        ) from error
    except (ImportError, ValueError, OSError, AttributeError) as error:
        raise CameraUnavailable(
            f"the Python module {module} is there and does not load: {type(error).__name__}",
            where=module,
            next_step=f'python -c "import {module}"; {install}',
        ) from error
