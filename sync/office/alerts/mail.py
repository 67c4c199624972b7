"""Alarms by e-mail: one message for all that is new, over TLS whose certificate and name are verified.

Trust boundary: the mail server is outside; it gets codes and names of devices, our login only after TLS.
"""

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from clockface.secretfiles import read_secret
from sync.office.alerts.message import Alert, as_text
from sync.office.config.alerts import EmailConfig
from sync.office.timesheet import from_us

TIMEOUT_S = 15.0


class Mail:
    """Sends to the configured recipients. Raises OSError, SSLError or SMTPException where it cannot."""

    name = "email"

    def __init__(self, config: EmailConfig, *, office: str) -> None:
        self._config = config
        self._office = office

    def send(self, alerts: Sequence[Alert], *, now_us: int) -> None:
        """Hand one message to the mail server, for every recipient or none."""
        config = self._config
        with self._connection() as server:
            if config.username:
                server.login(config.username, self._password())
            refused = server.send_message(self._message(alerts, now_us))
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)

    def _connection(self) -> smtplib.SMTP:
        config = self._config
        context = ssl.create_default_context(cafile=None if config.ca_file is None else str(config.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.security == "tls":
            return smtplib.SMTP_SSL(config.host, config.port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(config.host, config.port, timeout=TIMEOUT_S)
        try:
            server.starttls(context=context)  # raises if the server does not offer it
        except BaseException:
            server.close()
            raise
        return server

    def _password(self) -> str:
        path = self._config.password_file
        if path is None:  # the configuration demands both or none
            return ""
        return read_secret(path, made_by="write the password into this file, mode 0400")

    def _message(self, alerts: Sequence[Alert], now_us: int) -> EmailMessage:
        message = EmailMessage()
        sender = str(self._config.sender)
        message["Subject"], text = as_text(alerts, office=self._office)
        message["From"], message["To"] = sender, ", ".join(self._config.recipients)
        message["Date"] = format_datetime(from_us(now_us))
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message
