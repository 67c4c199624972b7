"""Who a certificate speaks for: a device, an office process or a broker, read from it or to be written in it.

The broker takes the common name as the user name and its access rules insert it in topics, so a device's common
name is `site/device` and an office's begins with `@office/`, which no site's name can. The same identity stands
in the subject alternative name as a URI. Trust boundary: `identity_of` takes certificates that somebody sent.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from sync.office.authority.errors import IdentityRefused

MAX_COMMON_NAME: Final = 64  # X.520 ub-common-name, which OpenSSL and cryptography both hold to
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")  # as sync.wire's Slug
_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_OFFICE: Final = "@office/"
_DEVICE_URI: Final = "clockface://"
_OFFICE_URI: Final = (
    "clockface-office://"  # not clockface://@office/x: to a URI reader that is the site "office"
)


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """A kiosk of a site, as in its topics."""

    site: str
    device: str

    def __post_init__(self) -> None:
        _require_slug(self.site, "site")
        _require_slug(self.device, "device")
        _require_length(self.common_name)

    @property
    def common_name(self) -> str:
        """As the broker knows it."""
        return f"{self.site}/{self.device}"

    @property
    def uri(self) -> str:
        """As events name their source."""
        return f"{_DEVICE_URI}{self.site}/{self.device}"


@dataclass(frozen=True, slots=True)
class OfficeIdentity:
    """A process of the central office: a receiver, a monitor."""

    name: str

    def __post_init__(self) -> None:
        _require_slug(self.name, "office process")
        _require_length(self.common_name)

    @property
    def common_name(self) -> str:
        """As the broker knows it."""
        return f"{_OFFICE}{self.name}"

    @property
    def uri(self) -> str:
        """As its certificate names it."""
        return f"{_OFFICE_URI}{self.name}"


@dataclass(frozen=True, slots=True)
class BrokerIdentity:
    """A broker, by the host names and addresses under which it is reached.

    Args:
        names: DNS names in lower case and IP addresses; the first one is the common name where it fits.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise IdentityRefused(
                "a broker's certificate needs a name", next_step="clockface-office ca issue broker HOST..."
            )
        for name in self.names:
            if _address(name) is None and not _DNS_NAME.fullmatch(name):
                raise IdentityRefused(
                    "a broker's name is neither a DNS name in lower case nor an IP address",
                    where=repr(name[:MAX_COMMON_NAME]),
                    next_step="clockface-office ca issue broker broker.example.com",
                )

    @property
    def common_name(self) -> str:
        """For people and lists; clients look at the alternative names only."""
        return self.names[0] if len(self.names[0]) <= MAX_COMMON_NAME else "broker"

    @property
    def general_names(self) -> list[x509.GeneralName]:
        """The names as a certificate holds them."""
        found: list[x509.GeneralName] = []
        for name in self.names:
            address = _address(name)
            found.append(x509.DNSName(name) if address is None else x509.IPAddress(address))
        return found


ClientIdentity = DeviceIdentity | OfficeIdentity
Identity = ClientIdentity | BrokerIdentity


def parse_common_name(common_name: str) -> ClientIdentity:
    """Read `site/device` or `@office/name`.

    Raises:
        IdentityRefused: It is neither.
    """
    if common_name.startswith(_OFFICE):
        return OfficeIdentity(common_name.removeprefix(_OFFICE))
    site, separator, device = common_name.partition("/")
    if not separator:
        raise IdentityRefused(
            "an identity is SITE/DEVICE or @office/NAME", where=repr(common_name[:MAX_COMMON_NAME])
        )
    return DeviceIdentity(site, device)


def identity_of(certificate: x509.Certificate) -> ClientIdentity:
    """The device or office process that a certificate names, the same in both of its places.

    It says nothing about who issued the certificate: see `sync.office.authority.chain.verify`.

    Raises:
        IdentityRefused: No identity, several, or two that differ.
    """
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1 or not isinstance(names[0].value, str):
        raise IdentityRefused("the certificate does not have exactly one common name")
    identity = parse_common_name(names[0].value)
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        raise IdentityRefused("the certificate has no readable subject alternative name") from None
    if alternative.get_values_for_type(x509.UniformResourceIdentifier) != [identity.uri]:
        raise IdentityRefused("the certificate's common name and its URI name differ")
    return identity


def general_names(identity: Identity) -> list[x509.GeneralName]:
    """What the subject alternative name of an identity's certificate holds."""
    if isinstance(identity, BrokerIdentity):
        return identity.general_names
    return [x509.UniformResourceIdentifier(identity.uri)]


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _require_slug(value: str, what: str) -> None:
    if not _SLUG.fullmatch(value):
        raise IdentityRefused(
            f"the {what}'s name is not 1 to 64 lower-case letters, digits and inner hyphens",
            where=repr(value[:MAX_COMMON_NAME]),
        )


def _require_length(common_name: str) -> None:
    if len(common_name) > MAX_COMMON_NAME:
        raise IdentityRefused(
            f"the identity has {len(common_name)} characters; a common name holds {MAX_COMMON_NAME}",
            where=common_name,
            next_step="choose a shorter site or device name",
        )
