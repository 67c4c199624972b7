"""A support bundle: how the device is, without a person, a key or a log line in it, sealed to the office.

Trust boundary: what is collected leaves the device. So it is made of parts that are free of personal data
already (status, doctor's findings) and of the configuration with everything masked that looks like a secret.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from clockface.masking import masked
from edge.config.tree import Config
from edge.errors import StoreError
from edge.ports import Clock
from edge.store.parcels import new_id
from edge.store.store import Store
from sync.wire.fields import format_time
from sync.wire.parcels import SupportParcel
from sync.wire.sealing import seal, to_text
from sync.wire.topics import Address

PART_BYTES: Final = 48 * 1024  # sealed, in base64 and in its envelope well below a document's 96 KiB
MAX_PARTS: Final = 16


def shareable(config: Config) -> dict[str, Any]:
    """The settings as they may leave the device: credentials masked, staff's accounts only counted."""
    held: dict[str, Any] = masked(config.model_dump(mode="json"))
    held["staff"] |= {
        "operators": len(config.staff.operators),
        "administrators": len(config.staff.administrators),
    }
    return held


class Bundle:
    """Collects and hands in.

    Args:
        store: The ledger, whose outbox takes the parcels.
        address: Whose bundle it is.
        clock: Source of time.
        contents: Each part's name and what gives it, as JSON without personal data; asked outside of any
            transaction.
    """

    def __init__(
        self, *, store: Store, address: Address, clock: Clock, contents: Mapping[str, Callable[[], Any]]
    ) -> None:
        self._store = store
        self._address = address
        self._clock = clock
        self._contents = contents

    def collect(self) -> bytes:
        """Everything, as compressed JSON; a part that fails says so and nothing more."""
        held: dict[str, Any] = {"kind": "clockface.support.v1", "at": format_time(self._clock.now().wall)}
        for name, give in self._contents.items():
            try:
                held[name] = give()
            except Exception as error:  # noqa: BLE001 - a broken part is what the engineer wants to know of
                held[name] = {"failed": type(error).__name__}
        return zlib.compress(json.dumps(held, ensure_ascii=False, default=str).encode("utf-8"), 9)

    def hand_in(self, collected: bytes) -> str:
        """Put a bundle into the outbox, within the caller's transaction; returns the first parcel's id.

        Raises:
            StoreError: No office to seal it to, or it is too large.
        """
        office = self._store.office.current()
        parts = [collected[start : start + PART_BYTES] for start in range(0, len(collected), PART_BYTES)]
        if office is None or not 1 <= len(parts) <= MAX_PARTS:
            raise StoreError("a support bundle cannot be handed in: no office, or larger than 768 KiB")
        bundle = new_id()
        for number, part in enumerate(parts, start=1):
            blank = SupportParcel(
                site=self._address.site,
                device=self._address.device,
                id=bundle if number == 1 else new_id(),
                at=format_time(self._clock.now().wall),
                bundle=bundle,
                part=number,
                parts=len(parts),
                sealed="",
            )
            sealed = to_text(seal(part, to=office.sealing, info=blank.info))
            self._store.parcels.add(blank.model_copy(update={"sealed": sealed}))
        return bundle
