"""What a badge says: only the site's kiosks make it, and nothing of it can be changed."""

import os
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.badge import base45, token
from edge.types.identity import PersonId

KEY, OTHER = token.BadgeKey.derived(os.urandom(32)), token.BadgeKey.derived(os.urandom(32))
ANN = PersonId("ab" * 16)
TEXT = token.write(token.Badge("0c" * 12, ANN), key=KEY, site="lab")


@given(st.binary(max_size=200))
def test_base45_reads_what_it_wrote(data: bytes) -> None:
    assert base45.decode(base45.encode(data)) == data


def test_base45_is_the_standard_s() -> None:
    assert base45.encode(b"Hello!!") == "%69 VD92EX0"  # RFC 9285, section 4.3
    assert base45.decode("QED8WEX0") == b"ietf!"


@given(st.text(max_size=80))
def test_base45_has_one_form_and_refuses_the_rest(text: str) -> None:
    try:
        data = base45.decode(text)
    except base45.Base45Error:
        return
    assert base45.encode(data) == text


@given(st.binary(min_size=12, max_size=12), st.integers(0, 4_000_000_000))
def test_a_badge_reads_as_it_was_written(badge_id: bytes, end_s: int) -> None:
    ends_at = token.whole_minute(datetime.fromtimestamp(1_000_000 + end_s, UTC))
    badge = token.Badge(badge_id.hex(), ANN, ends_at)
    text = token.write(badge, key=KEY, site="lab")
    assert len(text) == token.TOKEN_CHARS
    assert token.read(text, keys=[OTHER, KEY], site="lab") == badge


def test_an_end_is_rounded_up_to_the_minute_in_utc() -> None:
    madrid = timezone(timedelta(hours=1))
    assert token.whole_minute(datetime(2026, 3, 2, 18, 0, 1, tzinfo=madrid)) == datetime(
        2026, 3, 2, 17, 1, tzinfo=UTC
    )


def test_a_badge_says_nothing_of_its_person() -> None:
    raw = base45.decode(TEXT[len(token.PREFIX) :])
    assert bytes.fromhex(ANN) not in raw
    assert ANN not in repr(KEY)


@pytest.mark.parametrize(("keys", "site"), [([OTHER], "lab"), ([], "lab"), ([KEY], "mill")])
def test_another_site_s_kiosk_refuses_it(keys: list[token.BadgeKey], site: str) -> None:
    with pytest.raises(token.BadgeRefused):
        token.read(TEXT, keys=keys, site=site)


def test_no_character_of_it_can_be_changed() -> None:
    for place in range(len(TEXT)):
        for other in "0Z":
            if TEXT[place] != other:
                with pytest.raises(token.BadgeRefused):
                    token.read(TEXT[:place] + other + TEXT[place + 1 :], keys=[KEY], site="lab")


HOSTILE = ("' OR 1=1 --", "$(reboot)", "<script>", "\x00", "\u202e", "😀", "CLK2", "%s%n", "../../etc/passwd")


def test_thousands_of_made_up_codes_end_in_a_refusal() -> None:
    chance = random.Random(5)  # noqa: S311 - to repeat it
    for _ in range(5000):  # scripts/fuzz-badges goes on to 100,000 and more
        with pytest.raises(token.BadgeRefused):
            token.read(made_up(chance), keys=[KEY, OTHER], site="lab")


def made_up(chance: random.Random) -> str:
    kind = chance.randrange(4)
    if kind == 0:
        return "".join(map(chr, (chance.randrange(1, 0x2FF) for _ in range(chance.randrange(300)))))
    if kind == 1:
        return token.PREFIX + base45.encode(chance.randbytes(48))
    if kind == 2:
        return token.PREFIX + chance.choice(HOSTILE) * chance.randrange(1, 20)
    place = chance.randrange(len(TEXT))
    return TEXT[:place] + chr(chance.randrange(32, 127)) + TEXT[place:]
