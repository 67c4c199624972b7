"""Says of a renewed TLS certificate whether the office has signed it: the courier, whom it is for, cannot.

Edge changes nothing for it and keeps nothing of it; the courier holds it against its own key and name. Trust
boundary: signed with one of the office's online keys, for this device.
"""

from edge.daemon.deliveries import Outcome, Taken, opened
from edge.store.store import Store
from sync.wire.office import RenewedCertificate
from sync.wire.topics import Address


class RenewalDesk:
    """The desk of `RenewedCertificate`.

    Args:
        store: The ledger, which knows the office.
        address: This device.
    """

    kind = RenewedCertificate

    def __init__(self, *, store: Store, address: Address) -> None:
        self._store = store
        self._address = address

    def take(self, raw: bytes) -> Taken:
        """Verify it."""
        opened(RenewedCertificate, raw, keys=self._store.office.online(), address=self._address)
        return Taken(Outcome.APPLIED)
