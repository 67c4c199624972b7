"""Alarms as a signed POST to a web server over https; certificate and name are verified, nothing is followed.

The signature is an HMAC-SHA-256 over time and body, so that the receiver can refuse forgeries and replays:
`Clockface-Signature: t=SECONDS,v1=HEX` with HEX = HMAC(secret, "SECONDS." + body). Trust boundary: the server
is outside; of its answer only the status is read.
"""

import hashlib
import hmac
import ssl
from collections.abc import Sequence

import httpx

from clockface.secretfiles import read_secret
from sync.office.alerts.message import Alert, as_json
from sync.office.config.alerts import WebhookConfig

TIMEOUT_S = 15.0
HEADER = "Clockface-Signature"


class WebhookRefused(Exception):
    """The server answered with another status than success."""


class Webhook:
    """Posts to the configured address. Raises httpx.HTTPError or WebhookRefused where it cannot."""

    name = "webhook"

    def __init__(self, config: WebhookConfig, *, office: str) -> None:
        self._config = config
        self._office = office

    def send(self, alerts: Sequence[Alert], *, now_us: int) -> None:
        """Post one document with all that is new."""
        config = self._config
        body = as_json(alerts, office=self._office)
        headers = {"Content-Type": "application/json"}
        if config.secret_file is not None:
            secret = read_secret(config.secret_file, made_by="openssl rand -hex 32 > FILE; chmod 0400 FILE")
            headers[HEADER] = signature(body, secret=secret, now_s=now_us // 1_000_000)
        context = ssl.create_default_context(cafile=None if config.ca_file is None else str(config.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with (
            httpx.Client(verify=context, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", config.url.get_secret_value(), content=body, headers=headers) as answer,
        ):
            if not answer.is_success:
                raise WebhookRefused(answer.status_code)


def signature(body: bytes, *, secret: str, now_s: int) -> str:
    """What goes into the header."""
    digest = hmac.new(secret.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"
