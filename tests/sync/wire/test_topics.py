import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.wire.canonical import WireError
from sync.wire.topics import Address, Channel, filter_of, read_topic

SLUGS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", fullmatch=True)


@given(SLUGS, SLUGS, st.sampled_from(Channel))
def test_a_topic_reads_back(site: str, device: str, channel: Channel) -> None:
    address = Address(site, device)
    assert read_topic(address.topic(channel)) == (address, channel)


@given(st.text())
def test_any_other_text_is_refused_or_reads_back_as_it_was(topic: str) -> None:
    try:
        address, channel = read_topic(topic)
    except WireError:
        return
    assert address.topic(channel) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "clockface/v1/lab/door/",
        "clockface/v1/lab/door/secrets",
        "clockface/v1/+/door/events",
        "clockface/v1/lab/door/events\n",
        "/clockface/v1/lab/door/events",
    ],
)
def test_near_misses_are_refused(topic: str) -> None:
    with pytest.raises(WireError):
        read_topic(topic)


def test_receivers_share_a_subscription_by_name() -> None:
    assert filter_of(Channel.EVENTS, group="office") == "$share/office/clockface/v1/+/+/events"
