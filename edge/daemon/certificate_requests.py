"""Countersigns the courier's request for the device's next TLS certificate, and keeps it as a parcel.

The courier alone has the TLS key; edge alone has the signing key that the office knows the device by. Trust
boundary: a request that is not plainly this device's is refused, so a taken-over courier cannot ask for more.
"""

from edge.certificates import CertificateFault, check_request
from edge.errors import ApiError
from edge.ports import Clock
from edge.store.parcels import new_id
from edge.store.store import Store
from sync.wire.fields import format_time
from sync.wire.parcels import CertificateRequest
from sync.wire.topics import Address


class CertificateRequests:
    """Makes the parcels.

    Args:
        store: The ledger.
        address: This device.
        clock: Source of time.
    """

    def __init__(self, *, store: Store, address: Address, clock: Clock) -> None:
        self._store = store
        self._address = address
        self._clock = clock

    def countersign(self, request_pem: str) -> str:
        """Keep a request as a parcel, in the place of one that still waits; returns the parcel's id.

        Raises:
            ApiError: It is not a request of this device's that the office could grant.
        """
        try:
            check_request(request_pem, self._address)
            parcel = CertificateRequest(
                site=self._address.site,
                device=self._address.device,
                id=new_id(),
                at=format_time(self._clock.now().wall),
                request=request_pem,
            )
        except CertificateFault as fault:
            raise ApiError(f"the certificate request is refused: {fault}", where="request_pem") from None
        except ValueError:
            raise ApiError(
                "the certificate request holds other letters than PEM's", where="request_pem"
            ) from None
        self._store.parcels.add(parcel, replace=True)
        return parcel.id
