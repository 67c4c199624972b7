"""How courier and receiver reach the broker: its addresses in order, our certificate, and how long to wait.

Both sides have the same `[broker]` section and the same three files. There is TLS with verification only: no
setting weakens it. Pure: nothing here opens a file or a socket.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from clockface.config import Section

DEFAULT_PORT = 8883
MAX_ADDRESSES = 8
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a broker: a host name or an IP address, without brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What proves who we are, and whom we believe."""

    key: Path
    certificate: Path
    authorities: Path


def tls_files(folder: Path, *, name: str) -> TlsFiles:
    """The three files in a folder: NAME.key, NAME.crt and ca.crt."""
    return TlsFiles(
        key=folder / f"{name}.key", certificate=folder / f"{name}.crt", authorities=folder / "ca.crt"
    )


def checked_host(text: str) -> str:
    """A host name or an IP address as it stands.

    Raises:
        ValueError: It is neither: a URL, a user's name, a space, a port.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError("not a host name or IP address; write the name alone, without a scheme, user or path")
    return text


def parse_endpoint(text: str, *, default_port: int = DEFAULT_PORT) -> Endpoint:
    """Read "host", "host:port", "192.0.2.1:port" or "[2001:db8::1]:port".

    Raises:
        ValueError: Not such an address; the text is not repeated.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            raise ValueError("an IPv6 address is written [address] or [address]:port")
        port = rest[1:] if rest else str(default_port)
    else:
        host, colon, port = text.partition(":")
        port = port if colon else str(default_port)
        if ":" in port:
            raise ValueError("not host or host:port; an IPv6 address is written [address]:port")
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65_535:
        raise ValueError("the port is a whole number from 1 to 65535")
    return Endpoint(host=checked_host(host), port=int(port))


def _address(text: str) -> str:
    parse_endpoint(text)
    return text


BrokerAddress = Annotated[str, AfterValidator(_address)]


class BrokerConfig(Section):
    """The MQTT broker. TLS 1.2 or later, with its certificate and name verified: there is no other way."""

    addresses: tuple[BrokerAddress, ...] = Field(
        min_length=1,
        max_length=MAX_ADDRESSES,
        description=f"Where the broker answers, 1 to {MAX_ADDRESSES} of `host` or `host:port` (port "
        f"{DEFAULT_PORT} unless given), tried in this order. "
        "Its certificate must carry the name as written here.",
    )
    keepalive_s: int = Field(
        default=30,
        ge=5,
        le=1200,
        description="A connection that is silent for longer is probed, and given up after one and a half "
        "times this, seconds.",
    )
    connect_timeout_s: float = Field(
        default=10.0,
        ge=1.0,
        le=120.0,
        description="Longest time for one address: name, connection, TLS and the broker's answer, seconds.",
    )
    session_expiry_s: int = Field(
        default=604_800,
        ge=0,
        le=31_536_000,
        description="How long the broker keeps our session, with what it holds for us, after the connection "
        "ends, seconds.",
    )
    backoff_max_s: float = Field(
        default=60.0,
        ge=1.0,
        le=3600.0,
        description="Longest pause between attempts to connect, of which a random part is waited, seconds.",
    )

    @field_validator("addresses")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({parse_endpoint(address) for address in value}) != len(value):
            raise ValueError("an address is listed twice")
        return value

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The addresses, taken apart."""
        return tuple(parse_endpoint(address) for address in self.addresses)
