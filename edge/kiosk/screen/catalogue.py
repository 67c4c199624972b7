"""The screen's languages: gettext catalogues (locale/*.po), read when the process starts.

The English text is the key. A catalogue that lacks one is not offered: half a language helps nobody (a test
holds all of them complete).
"""

import gettext
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from edge.kiosk.screen.words import Say

ENGLISH = "en"


@dataclass(frozen=True)
class Tongue:
    """A language of the screen.

    Args:
        tag: BCP 47 tag.
        name: Its name in itself.
        rtl: Whether it is written from right to left.
        say: Looks a text up.
    """

    tag: str
    name: str
    rtl: bool
    say: Say


@cache
def tongues() -> dict[str, Tongue]:
    """All languages by tag, English first."""
    folder = files("edge.kiosk.screen") / "locale"
    tags = sorted(each.name.removesuffix(".po") for each in folder.iterdir() if each.name.endswith(".po"))
    found = {ENGLISH: _tongue(ENGLISH, str)}
    for tag in tags:
        catalogue = read_po(io.BytesIO((folder / f"{tag}.po").read_bytes()), locale=tag.replace("-", "_"))
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        found[tag] = _tongue(tag, gettext.GNUTranslations(compiled).gettext)
    return found


def _tongue(tag: str, say: Say) -> Tongue:
    locale = Locale.parse(tag, sep="-")
    name = locale.get_language_name(tag.partition("-")[0]) or tag
    return Tongue(tag=tag, name=name[:1].upper() + name[1:], rtl=locale.text_direction == "rtl", say=say)


def nearest(wanted: str, default: str) -> Tongue:
    """The language that a person's tag asks for ("es-MX" is served by "es"), else the device's."""
    known = tongues()
    parts = wanted.split("-")
    for length in range(len(parts), 0, -1):
        tag = "-".join(parts[:length])
        match = next((tongue for key, tongue in known.items() if key.lower() == tag.lower()), None)
        if match is not None:
            return match
    return known.get(default) or known[ENGLISH]
