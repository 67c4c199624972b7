"""Light or dark, as the room is. Pure."""

from typing import Final, Literal

Theme = Literal["light", "dark"]

DARK_BELOW: Final = 0.20  # mean grey level of a camera's automatic picture in a dim hall
LIGHT_ABOVE: Final = 0.30  # apart, so that a cloud does not make the wall blink


def theme(wanted: str, *, brightness: float | None, before: Theme) -> Theme:
    """Which look to show.

    Args:
        wanted: The setting: auto, light or dark.
        brightness: Of the room in [0, 1], or None where it is not known.
        before: What is shown now.
    """
    if wanted != "auto":
        return "dark" if wanted == "dark" else "light"
    if brightness is None or DARK_BELOW <= brightness <= LIGHT_ABOVE:
        return before
    return "dark" if brightness < DARK_BELOW else "light"
