"""What can go wrong at the certificate authority and with the certificates that it made.

AuthorityError                     150
+-- IdentityRefused                151   a name that no certificate may carry, or two that differ
+-- RequestRefused                 152   a certificate request that must not be signed
+-- CertificateRefused             153   issuer, time, purpose or revocation
+-- AuthorityUnavailable           154   folder, key or pass phrase missing or wrong
+-- RegisterConflict               155   contradicts the register of issued certificates
    +-- TooManyCertificates        156   one identity, one day
"""

from sync.office.errors import OfficeError


class AuthorityError(OfficeError):
    """The certificate authority cannot do what is asked."""

    exit_code = 150


class IdentityRefused(AuthorityError):
    """A name that no certificate may carry, or a certificate whose names differ."""

    exit_code = 151


class RequestRefused(AuthorityError):
    """A certificate request that must not be signed."""

    exit_code = 152


class CertificateRefused(AuthorityError):
    """A certificate that does not hold: issuer, time, purpose, revocation."""

    exit_code = 153


class AuthorityUnavailable(AuthorityError):
    """The authority's folder, key or pass phrase is missing or wrong."""

    exit_code = 154


class RegisterConflict(AuthorityError):
    """What is asked contradicts the register of issued certificates."""

    exit_code = 155


class TooManyCertificates(RegisterConflict):
    """An identity had so many certificates within a day that something is wrong."""

    exit_code = 156
