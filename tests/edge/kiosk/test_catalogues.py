"""Every language of the screen is complete, well-formed and offered; the nearest one is found."""

import string

import pytest

from edge.kiosk.screen.catalogue import nearest, tongues
from edge.kiosk.screen.config import READER, Language
from edge.kiosk.screen.labels import every_label
from edge.kiosk.screen.words import every_text

TRANSLATED = sorted(set(tongues()) - {"en"})


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_catalogue_holds_every_text_with_the_same_fields(tag: str) -> None:
    say = tongues()[tag].say
    same = {"de": {"Minute"}, "fr": {"Minute", "Questions"}}.get(tag, set())
    for text in (*every_text(), *every_label()):
        said = say(text)
        assert said != text or text in same, f"{tag} lacks {text!r}"
        assert fields(said) == fields(text), text
        assert "<" not in said


@pytest.mark.parametrize("tag", TRANSLATED)
def test_headlines_are_short_enough_to_be_large(tag: str) -> None:
    say = tongues()[tag].say
    for text in ("Look here", "Not recognised", "Already recorded", "Recorded", "Welcome"):
        assert len(say(text)) <= 26


def test_the_languages_that_the_issue_names_are_offered_and_no_other() -> None:
    assert set(tongues()) == set(Language.__args__)
    assert {"en", "es", "ar", "de", "fr", "hi", "zh", "pt"} == set(tongues())
    assert READER.load(None, {"CLOCKFACE_SCREEN_LANGUAGE__DEVICE": "ar"}).config.language.device == "ar"


def test_only_arabic_is_written_from_right_to_left() -> None:
    assert {tag for tag, tongue in tongues().items() if tongue.rtl} == {"ar"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("zh-Hans-CN", "zh"),
        ("AR", "ar"),
        ("pt-BR", "pt"),
        ("xx", "de"),
        ("", "de"),
    ],
)
def test_a_person_s_language_is_served_by_the_nearest(wanted: str, found: str) -> None:
    assert nearest(wanted, "de").tag == found
