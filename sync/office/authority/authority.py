"""The authority in its folder: key and certificate, register, revocation list; issues, renews, revokes.

The key lies sealed under a pass phrase. Trust boundary: requests come from anybody and give their public key
only; who asks for which identity is for the caller to know.
"""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clockface.secretfiles import SECRET_MODE, make_private_folder
from sync.office.authority import files
from sync.office.authority.certificates import (
    BACKDATED,
    build_authority,
    build_leaf,
    pem,
    read_certificate,
    read_request,
)
from sync.office.authority.chain import verify_authority
from sync.office.authority.errors import AuthorityUnavailable, RegisterConflict, TooManyCertificates
from sync.office.authority.identity import BrokerIdentity, DeviceIdentity, Identity
from sync.office.authority.keyfile import SCRYPT_N, open_key, seal_key
from sync.office.authority.register import Entry, Register
from sync.office.authority.revoked import REVOKED_FILE, LastTrusted, Reason, encode_revoked

KEY_FILE: Final = "authority.key"
CERTIFICATE_FILE: Final = "ca.crt"
CRL_FILE: Final = "ca.crl"
REGISTER_FILE: Final = "register.db"
MIN_PASSPHRASE: Final = 12  # characters
CRL_DAYS: Final = 30
MOST_A_DAY: Final = 4  # renewals of one identity without a person; a stolen device asks for no more
_ONE_SECOND: Final = timedelta(seconds=1)
_REASONS: Final[dict[str, x509.ReasonFlags]] = {
    "lost": x509.ReasonFlags.key_compromise,
    "stolen": x509.ReasonFlags.key_compromise,
    "replaced": x509.ReasonFlags.superseded,
    "retired": x509.ReasonFlags.cessation_of_operation,
}


class Authority:
    """An authority whose key is open. Make one with `create` or `open`; `close` it."""

    def __init__(
        self,
        folder: Path,
        *,
        key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        register: Register,
    ) -> None:
        self.folder = folder
        self.certificate = certificate
        self.register = register
        self._key = key

    def __repr__(self) -> str:
        return f"Authority({self.folder}, ********)"

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        name: str,
        passphrase: str,
        now: datetime,
        valid_for: timedelta,
        scrypt_n: int = SCRYPT_N,
    ) -> Self:
        """Make a new authority with an empty revocation list, which a broker needs before it starts.

        Raises:
            AuthorityUnavailable: There is one, the pass phrase is short, or the folder cannot be written.
        """
        if len(passphrase) < MIN_PASSPHRASE:
            raise AuthorityUnavailable(
                f"the pass phrase has fewer than {MIN_PASSPHRASE} characters",
                next_step="choose five random words",
            )
        make_private_folder(folder, made_by="clockface-office ca init")
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = build_authority(key, name=name, now=now, valid_for=valid_for)
        sealed = seal_key(key, passphrase, scrypt_n=scrypt_n)
        files.write_new(folder / KEY_FILE, sealed, mode=SECRET_MODE)
        files.write_new(folder / CERTIFICATE_FILE, pem(certificate), mode=files.PUBLIC_MODE)
        register = Register.create(folder / REGISTER_FILE)
        authority = cls(folder, key=key, certificate=certificate, register=register)
        authority.write_crl(now=now, valid_for=timedelta(days=CRL_DAYS))
        return authority

    @classmethod
    def open(cls, folder: Path, *, passphrase: str, now: datetime) -> Self:
        """Open an authority.

        Raises:
            AuthorityUnavailable: It is not there, or the pass phrase is wrong.
            CertificateRefused: Its own certificate has expired.
        """
        next_step = f"clockface-office ca init --folder {folder}, or restore it from its backup"
        path = folder / KEY_FILE
        key = open_key(files.read(path, next_step=next_step), passphrase, where=str(path))
        certificate = read_certificate(files.read(folder / CERTIFICATE_FILE, next_step=next_step))
        if certificate.public_key() != key.public_key():
            raise AuthorityUnavailable(
                "the authority's certificate is not its key's", where=str(folder / CERTIFICATE_FILE)
            )
        verify_authority(certificate, now=now)
        return cls(folder, key=key, certificate=certificate, register=Register(folder / REGISTER_FILE))

    def close(self) -> None:
        """Close the register."""
        self.register.close()

    def issue(
        self, request: bytes, identity: Identity, *, now: datetime, valid_for: timedelta
    ) -> x509.Certificate:
        """A first certificate for an identity.

        Args:
            request: PKCS #10 in PEM; only its key is used, and its sender must have the private one.
            identity: Whose it is to be; for the caller to have made sure.
            now: The present time.
            valid_for: Until when.

        Raises:
            RequestRefused: The request does not hold.
            RegisterConflict: The identity has a valid certificate, or the key has had one.
            CertificateRefused: It would outlive the authority.
        """
        public_key = read_request(request)
        with self.register.change():
            if any(entry.valid(now) for entry in self.register.entries(name_of(identity))):
                raise RegisterConflict(
                    "this identity has a valid certificate",
                    where=name_of(identity),
                    next_step="clockface-office ca renew, or ca revoke first if it was lost",
                )
            return self._sign(public_key, identity, now=now, valid_for=valid_for)

    def renew(
        self, request: bytes, identity: Identity, *, now: datetime, valid_for: timedelta
    ) -> x509.Certificate:
        """A further certificate for an identity with a new key; the one before stays valid until it expires.

        Raises:
            RequestRefused: The request does not hold.
            RegisterConflict: The identity has none, its last one was revoked, or the key has had one.
            CertificateRefused: It would outlive the authority.
        """
        public_key = read_request(request)
        with self.register.change():
            before = self.register.entries(name_of(identity))
            if not before or before[-1].revoked_at is not None:
                raise RegisterConflict(
                    "this identity has no certificate, or its last one was revoked",
                    where=name_of(identity),
                    next_step="clockface-office ca issue",
                )
            return self._sign(public_key, identity, now=now, valid_for=valid_for)

    def renew_once(
        self, request: bytes, identity: Identity, *, now: datetime, valid_for: timedelta
    ) -> x509.Certificate:
        """As `renew`, for a process that may be killed anywhere: a key that has its certificate gets it again.

        Raises:
            TooManyCertificates: The identity had too many within a day.
            RequestRefused, RegisterConflict, CertificateRefused: As `renew`.
        """
        digest = _key_sha256(read_request(request))
        known = self.register.entries(name_of(identity))
        for entry in known:
            if entry.key_sha256 == digest and entry.valid(now):
                return read_certificate(entry.certificate.encode())
        since = now - BACKDATED - timedelta(days=1)
        if sum(entry.not_before > since for entry in known) >= MOST_A_DAY:
            raise TooManyCertificates(
                f"this identity had {MOST_A_DAY} certificates within a day",
                where=name_of(identity),
                next_step="find out why; clockface-office ca list, then clockface-office ca renew",
            )
        return self.renew(request, identity, now=now, valid_for=valid_for)

    def revoke(
        self, serials: list[str], *, now: datetime, reason: Reason, last_trusted: LastTrusted | None = None
    ) -> None:
        """Revoke certificates, all or none. The list is not written: see `write_crl`.

        Raises:
            RegisterConflict: One was never issued here, or another last trusted event was named before.
        """
        with self.register.change():
            for serial in serials:
                self.register.revoke(serial, now=now, reason=reason, last_trusted=last_trusted)

    def write_crl(self, *, now: datetime, valid_for: timedelta) -> x509.CertificateRevocationList:
        """Write the revocation list and `revoked.json` anew into the folder."""
        with self.register.change():
            number = self.register.next_crl_number()
            revoked = [entry for entry in self.register.entries() if entry.revoked_at is not None]
            listed = self.register.revoked()
        crl = self._build_crl(revoked, number=number, now=now, valid_for=valid_for)
        files.replace(self.folder / CRL_FILE, pem(crl))
        files.replace(self.folder / REVOKED_FILE, encode_revoked(listed))
        return crl

    def _build_crl(
        self, revoked: list[Entry], *, number: int, now: datetime, valid_for: timedelta
    ) -> x509.CertificateRevocationList:
        identifier = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            x509.CertificateRevocationListBuilder(issuer_name=self.certificate.subject)
            .last_update(now - _ONE_SECOND)
            .next_update(now + valid_for)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
            )
        )
        for entry in revoked:
            one = (
                x509.RevokedCertificateBuilder()
                .serial_number(int(entry.serial, 16))
                .revocation_date(entry.revoked_at or now)
            )
            flag = _REASONS.get(entry.reason or "")
            if flag is not None:
                one = one.add_extension(x509.CRLReason(flag), critical=False)
            builder = builder.add_revoked_certificate(one.build())
        return builder.sign(self._key, hashes.SHA256())

    def _sign(
        self,
        public_key: ec.EllipticCurvePublicKey,
        identity: Identity,
        *,
        now: datetime,
        valid_for: timedelta,
    ) -> x509.Certificate:
        certificate = build_leaf(
            authority=self.certificate,
            authority_key=self._key,
            public_key=public_key,
            identity=identity,
            now=now,
            valid_for=valid_for,
        )
        self.register.add(
            Entry(
                serial=serial_of(certificate),
                identity=name_of(identity),
                kind=_kind(identity),
                key_sha256=_key_sha256(public_key),
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                certificate=pem(certificate).decode(),
            )
        )
        return certificate


def name_of(identity: Identity) -> str:
    """An identity in the register: its common name, or all names of a broker."""
    return ",".join(identity.names) if isinstance(identity, BrokerIdentity) else identity.common_name


def serial_of(certificate: x509.Certificate) -> str:
    """A serial number in the register: hexadecimal, lower case."""
    return f"{certificate.serial_number:x}"


def _kind(identity: Identity) -> str:
    if isinstance(identity, BrokerIdentity):
        return "broker"
    return "device" if isinstance(identity, DeviceIdentity) else "office"


def _key_sha256(public_key: ec.EllipticCurvePublicKey) -> str:
    der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
