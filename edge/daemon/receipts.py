"""Takes the office's receipts for parcels: what it has, the device need not keep.

Trust boundary: signed with one of the office's online keys; a receipt for what does not wait changes nothing.
"""

from edge.daemon.deliveries import Outcome, Taken, opened
from edge.store.store import Store
from sync.wire.office import ParcelReceipt
from sync.wire.topics import Address


class ReceiptDesk:
    """The desk of `ParcelReceipt`.

    Args:
        store: The ledger.
        address: This device.
    """

    kind = ParcelReceipt

    def __init__(self, *, store: Store, address: Address) -> None:
        self._store = store
        self._address = address

    def take(self, raw: bytes) -> Taken:
        """Drop the parcels that are named."""
        receipt = opened(ParcelReceipt, raw, keys=self._store.office.online(), address=self._address)
        dropped = self._store.parcels.drop(receipt.parcels)
        return Taken(Outcome.APPLIED if dropped else Outcome.REPEATED)
