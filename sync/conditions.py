"""Why there is no connection to a broker, by name, each with what to do next. Pure.

A kiosk on a wall has nobody who reads OpenSSL's messages: every way in which a connection fails or ends is one
member here, in the log and in the status line. Trust boundary: texts of the broker never reach either; only our
own words do.
"""

import socket
import ssl
from enum import StrEnum
from typing import Final

from sync.errors import BrokerNotVerified, BrokerRefused, BrokerUnreachable, SyncError


class Condition(StrEnum):
    """How an attempt to connect, or a connection, ended."""

    NAME_UNKNOWN = "name_unknown"
    ADDRESS_REFUSED = "address_refused"
    ADDRESS_UNREACHABLE = "address_unreachable"
    TIMED_OUT = "timed_out"
    AUTHORITY_UNKNOWN = "authority_unknown"
    HOST_NAME_WRONG = "host_name_wrong"
    BROKER_EXPIRED = "broker_certificate_expired"
    BROKER_INVALID = "broker_certificate_invalid"
    OWN_EXPIRED = "own_certificate_expired"
    OWN_REVOKED = "own_certificate_revoked"
    OWN_REFUSED = "own_certificate_refused"
    TLS_FAILED = "tls_failed"
    NOT_AUTHORISED = "not_authorised"
    CONNECT_REFUSED = "connect_refused"
    SUBSCRIBE_REFUSED = "subscribe_refused"
    PUBLISH_REFUSED = "publish_refused"
    BROKER_ENDED = "broker_ended_connection"
    TAKEN_OVER = "session_taken_over"
    BROKER_STOPPING = "broker_shutting_down"
    PROTOCOL_BROKEN = "protocol_broken"
    HALF_OPEN = "half_open"
    LOST = "connection_lost"
    CLOSED = "closed_by_us"


_CERTIFICATE: Final = "clockface-sync renew --request-out FILE"
_SAYS: Final[dict[Condition, tuple[type[SyncError], str, str]]] = {
    Condition.NAME_UNKNOWN: (BrokerUnreachable, "the broker's name has no address", "getent hosts NAME"),
    Condition.ADDRESS_REFUSED: (
        BrokerUnreachable,
        "nobody listens at the broker's address",
        "see that the broker runs, and broker.addresses",
    ),
    Condition.ADDRESS_UNREACHABLE: (BrokerUnreachable, "there is no way to the broker's address", "ip route"),
    Condition.TIMED_OUT: (
        BrokerUnreachable,
        "the broker did not answer in time",
        "see the firewall between here and there; broker.connect_timeout_s",
    ),
    Condition.AUTHORITY_UNKNOWN: (
        BrokerNotVerified,
        "the broker's certificate is not of an authority that we believe",
        "compare paths.tls/ca.crt with the office's; never answer this by believing more",
    ),
    Condition.HOST_NAME_WRONG: (
        BrokerNotVerified,
        "the broker's certificate is for another name",
        "write the name that it carries into broker.addresses, or have the broker certified for this one",
    ),
    Condition.BROKER_EXPIRED: (
        BrokerNotVerified,
        "the broker's certificate has expired or is not valid yet, or our clock is wrong",
        "timedatectl; then renew the broker's certificate",
    ),
    Condition.BROKER_INVALID: (
        BrokerNotVerified,
        "the broker's certificate does not hold",
        "openssl s_client -connect HOST:PORT -CAfile ca.crt",
    ),
    Condition.OWN_EXPIRED: (BrokerRefused, "our certificate has expired", _CERTIFICATE),
    Condition.OWN_REVOKED: (BrokerRefused, "our certificate has been revoked", "ask the central office"),
    Condition.OWN_REFUSED: (BrokerRefused, "the broker does not take our certificate", _CERTIFICATE),
    Condition.TLS_FAILED: (
        BrokerNotVerified,
        "TLS failed",
        "see that the port is the broker's TLS port; TLS 1.2 is the least",
    ),
    Condition.NOT_AUTHORISED: (
        BrokerRefused,
        "the broker does not know our identity",
        "compare device.site and device.name with the certificate; the broker's log",
    ),
    Condition.CONNECT_REFUSED: (BrokerRefused, "the broker refused the connection", "see the broker's log"),
    Condition.SUBSCRIBE_REFUSED: (
        BrokerRefused,
        "the broker refused our subscription",
        "see the broker's access list: a device reads ack, commands, roster and certificate",
    ),
    Condition.PUBLISH_REFUSED: (
        BrokerRefused,
        "the broker refused a message of ours",
        "see the broker's access list: a device writes events, state, telemetry, results and parcels",
    ),
    Condition.BROKER_ENDED: (BrokerRefused, "the broker ended the connection", "see the broker's log"),
    Condition.TAKEN_OVER: (
        BrokerRefused,
        "another client came with our identity",
        "see that this certificate is on one device only",
    ),
    Condition.BROKER_STOPPING: (BrokerUnreachable, "the broker is stopping", "wait; see the broker's log"),
    Condition.PROTOCOL_BROKEN: (BrokerRefused, "the broker does not keep to MQTT 5", "see the broker's log"),
    Condition.HALF_OPEN: (
        BrokerUnreachable,
        "the connection had died without a word",
        "nothing: another one is made; if often, see the network's devices in between",
    ),
    Condition.LOST: (BrokerUnreachable, "the connection broke off", "nothing: another one is made"),
    Condition.CLOSED: (BrokerUnreachable, "we ended the connection", "nothing"),
}


def explain(condition: Condition, *, where: str) -> SyncError:
    """A condition as an error: what, where, next step."""
    kind, what, next_step = _SAYS[condition]
    return kind(what, where=where, next_step=next_step)


_VERIFY: Final = {  # X509_V_ERR_*
    9: Condition.BROKER_EXPIRED,
    10: Condition.BROKER_EXPIRED,
    2: Condition.AUTHORITY_UNKNOWN,
    18: Condition.AUTHORITY_UNKNOWN,
    19: Condition.AUTHORITY_UNKNOWN,
    20: Condition.AUTHORITY_UNKNOWN,
    21: Condition.AUTHORITY_UNKNOWN,
    62: Condition.HOST_NAME_WRONG,
    63: Condition.HOST_NAME_WRONG,
    64: Condition.HOST_NAME_WRONG,
}
_ALERTS: Final = {  # what the broker says about our certificate; under TLS 1.3 only after the handshake
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Condition.OWN_EXPIRED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": Condition.OWN_REVOKED,
    "SSLV3_ALERT_BAD_CERTIFICATE": Condition.OWN_REFUSED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": Condition.OWN_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": Condition.OWN_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": Condition.OWN_REFUSED,
    "TLSV1_ALERT_ACCESS_DENIED": Condition.OWN_REFUSED,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Condition.OWN_REFUSED,
    "TLSV1_ALERT_DECRYPT_ERROR": Condition.OWN_REFUSED,
}
_ERRORS: Final[tuple[tuple[type[OSError], Condition], ...]] = (
    (socket.gaierror, Condition.NAME_UNKNOWN),
    (ConnectionRefusedError, Condition.ADDRESS_REFUSED),
    (TimeoutError, Condition.TIMED_OUT),
    (ConnectionError, Condition.LOST),
)
CERTIFICATE_REFUSED: Final = frozenset({Condition.OWN_EXPIRED, Condition.OWN_REVOKED, Condition.OWN_REFUSED})


def condition_of(error: BaseException) -> Condition:
    """Name what went wrong with a name, a connection or TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, Condition.BROKER_INVALID)
    if isinstance(error, ssl.SSLError):
        return _ALERTS.get(str(getattr(error, "reason", "")), Condition.TLS_FAILED)
    return next((named for kind, named in _ERRORS if isinstance(error, kind)), Condition.ADDRESS_UNREACHABLE)


_REASONS: Final = {  # MQTT 5 reason codes of CONNACK and DISCONNECT
    0x86: Condition.NOT_AUTHORISED,
    0x87: Condition.NOT_AUTHORISED,
    0x8A: Condition.NOT_AUTHORISED,
    0x8C: Condition.NOT_AUTHORISED,
    0x8B: Condition.BROKER_STOPPING,
    0x8E: Condition.TAKEN_OVER,
    0x81: Condition.PROTOCOL_BROKEN,
    0x82: Condition.PROTOCOL_BROKEN,
}


def condition_of_reason(code: int, *, otherwise: Condition) -> Condition:
    """Name an MQTT 5 reason code."""
    return _REASONS.get(code, otherwise)
