"""Of the parcels that pass, the courier reads crash reports alone."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.parcels import crash_in
from sync.wire.documents import sign_document
from sync.wire.parcels import CrashParcel, PersonParcel
from tests.sync.edge_stand_in import TIME

KEY = Ed25519PrivateKey.generate()
CRASH = CrashParcel(
    site="mill",
    device="gate",
    id="ab" * 16,
    at=TIME,
    process="edge",
    software="0.1.0",
    error=["KeyError"],
    frames=["edge.daemon.loop:12 run"],
    times=3,
)
PERSON = PersonParcel(site="mill", device="gate", id="cd" * 16, at=TIME, person="ef" * 16, sealed="AAAA")


def test_a_crash_report_is_read() -> None:
    assert crash_in(sign_document(CRASH, key=KEY)) == CRASH


def test_any_other_parcel_and_garbage_pass_unread() -> None:
    assert crash_in(sign_document(PERSON, key=KEY)) is None
    assert crash_in(b"{") is None
    assert crash_in(b"") is None
