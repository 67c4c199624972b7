"""Times of day in settings: local to the device, without a zone of their own."""

from datetime import time
from typing import Annotated

from pydantic import AfterValidator


def _without_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time of day here is local (device.timezone) and carries no zone of its own")
    return value


LocalTime = Annotated[time, AfterValidator(_without_zone)]
