"""The topics: `clockface/v1/{site}/{device}/{channel}`. No personal data ever stands in one.

Up come events, state, telemetry, results and parcels; down go acks, commands, roster and certificates. Trust
boundary: `read_topic` takes a topic from a broker; who may publish where is the broker's ACL, and who wrote a
document is its signature's to say, never the topic's.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync.wire.canonical import WireError

ROOT: Final = "clockface/v1"
_SLUG = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
_TOPIC = re.compile(rf"{ROOT}/(?P<site>{_SLUG})/(?P<device>{_SLUG})/(?P<channel>[a-z]{{1,16}})\Z")


class Channel(StrEnum):
    """What a topic carries."""

    EVENTS = "events"
    STATE = "state"
    TELEMETRY = "telemetry"
    RESULTS = "results"
    PARCELS = "parcels"
    ACK = "ack"
    COMMANDS = "commands"
    ROSTER = "roster"
    CERTIFICATE = "certificate"


UP: Final = (Channel.EVENTS, Channel.STATE, Channel.TELEMETRY, Channel.RESULTS, Channel.PARCELS)
DOWN: Final = (Channel.ACK, Channel.COMMANDS, Channel.ROSTER, Channel.CERTIFICATE)


@dataclass(frozen=True, slots=True)
class Address:
    """A device's place: its site and its name, both slugs."""

    site: str
    device: str

    def topic(self, channel: Channel) -> str:
        """One of this device's topics."""
        return f"{ROOT}/{self.site}/{self.device}/{channel.value}"


def filter_of(channel: Channel, *, group: str = "") -> str:
    """The office's subscription to a channel of every device, shared among receivers where a group is given."""
    topics = f"{ROOT}/+/+/{channel.value}"
    return f"$share/{group}/{topics}" if group else topics


def read_topic(topic: str) -> tuple[Address, Channel]:
    """Read a topic that came from a broker.

    Raises:
        WireError: Not one of ours.
    """
    match = _TOPIC.match(topic)
    try:
        if match is not None:
            return Address(match["site"], match["device"]), Channel(match["channel"])
    except ValueError:
        pass
    raise WireError("the topic is not one of Clockface's")
