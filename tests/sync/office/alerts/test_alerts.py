"""Alarms reach a real mail server and a real https server over TLS: once raised, once cleared, signed."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import given
from hypothesis import strategies as st

from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.alerts.delivery import Alerts
from sync.office.alerts.mail import Mail
from sync.office.alerts.message import Alert, Phase, as_json, as_text
from sync.office.alerts.webhook import Webhook, signature
from sync.office.authority.identity import BrokerIdentity
from sync.office.config.alerts import EmailConfig, WebhookConfig
from sync.office.database import Database
from tests.sync.mosquitto import Credentials, TestAuthority
from tests.sync.office.cli.office import HOSTILE

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    authority = TestAuthority(tmp_path_factory.mktemp("authority"))
    return authority.credentials_of(BrokerIdentity(("localhost",)))


def server_context(files: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


@dataclass
class Inbox:
    """What a mail server got."""

    port: int = 0
    messages: list[Message] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.messages.append(message_from_bytes(envelope.content))
        return "250 kept"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, login: Any) -> AuthResult:
        self.logins.append(login.password)
        return AuthResult(success=login.password == b"s3cret", handled=False)  # else nobody says 535


class Server(Controller):
    """aiosmtpd in a thread of its own: STARTTLS demanded, or TLS at once."""

    def __init__(self, inbox: Inbox, files: Credentials, *, at_once: bool, login: bool) -> None:
        context = server_context(files)
        self._smtp = {} if at_once else {"tls_context": context, "require_starttls": True}
        self._login = login
        self._authority = files.authority
        self._inbox = inbox
        super().__init__(inbox, hostname="127.0.0.1", port=0, ssl_context=context if at_once else None)

    def factory(self) -> SMTP:
        return SMTP(
            self._inbox,
            hostname="localhost",
            authenticator=self._inbox.authenticate,
            auth_required=self._login,
            auth_require_tls="tls_context" in self._smtp,
            **self._smtp,
        )

    def _trigger_server(self) -> None:
        """Wake it once, as the controller waits for; on the port that the system chose."""
        with socket.create_connection(("127.0.0.1", self.server.sockets[0].getsockname()[1]), 5) as plain:
            if self.ssl_context is None:
                plain.recv(1024)
                return
            context = ssl.create_default_context(cafile=str(self._authority))
            with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                wrapped.recv(1024)


@pytest.fixture(params=["starttls", "tls"])
def mail(request: pytest.FixtureRequest, server_files: Credentials) -> Iterator[tuple[Inbox, EmailConfig]]:
    inbox = Inbox()
    server = Server(inbox, server_files, at_once=request.param == "tls", login=False)
    server.start()
    config = EmailConfig(
        host="localhost",
        port=server.server.sockets[0].getsockname()[1],
        security=request.param,
        sender="clockface@example.com",
        recipients=("ana@example.com", "ben@example.com"),
        ca_file=server_files.authority,
    )
    yield inbox, config
    server.stop()


class Sink(BaseHTTPRequestHandler):
    """Keeps what is posted, and answers what it is told."""

    got: list[tuple[dict[str, str], bytes]]
    status: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Location", "https://localhost:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def sink(server_files: Credentials) -> Iterator[tuple[type[Sink], str]]:
    class Own(Sink):
        got: list[tuple[dict[str, str], bytes]] = []  # noqa: RUF012 (one a test)
        status = 204

    server = ThreadingHTTPServer(("localhost", 0), Own)
    server.socket = server_context(server_files).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Own, f"https://localhost:{server.server_port}/hook"
    server.shutdown()
    thread.join(10)
    server.server_close()


def secret_file(folder: Path, text: str) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(0o400)
    return path


class Office:
    """An office with its alarms, and a clock that is moved by hand."""

    def __init__(self, database: Database, *senders: Any) -> None:
        self.database, self.time_s = database, 0.0
        self.outcomes: list[tuple[str, bool]] = []
        self.alerts = self.again(*senders)

    def again(self, *senders: Any) -> Alerts:
        self.alerts = Alerts(
            senders,
            database=self.database,
            clock=lambda: NOW,
            monotonic=lambda: self.time_s,
            observe=lambda name, well: self.outcomes.append((name, well)),
        )
        return self.alerts

    def fork(self, subject: str = "mill/gate", detail: str = "7") -> None:
        with self.database.write() as connection:
            raise_alarm(connection, AlarmKind.FORK, subject=subject, device_id=None, detail=detail, now_us=1)

    def clear(self) -> None:
        with self.database.write() as connection:
            clear_alarm(connection, AlarmKind.FORK, subject="mill/gate", now_us=2)


def test_an_alarm_is_mailed_once_raised_and_once_cleared(
    office_database: Database, mail: tuple[Inbox, EmailConfig]
) -> None:
    inbox, config = mail
    office = Office(office_database, Mail(config, office="office"))
    office.fork()
    assert [office.alerts.deliver(), office.alerts.deliver()] == [1, 0]
    office.clear()
    office.again(Mail(config, office="office"))  # a restart forgets nothing
    assert [office.alerts.deliver(), office.alerts.deliver()] == [1, 0]
    first, second = inbox.messages
    assert (first["Subject"], first["To"]) == (
        "Clockface office: alarms, 1 raised",
        "ana@example.com, ben@example.com",
    )
    assert "raised: fork  mill/gate  7" in str(first.get_payload())
    assert second["Subject"] == "Clockface office: alarms, 1 cleared"
    assert office.outcomes == [("email", True), ("email", True)]


def test_a_mail_server_without_a_certificate_that_holds_gets_nothing(
    office_database: Database, mail: tuple[Inbox, EmailConfig], tmp_path: Path
) -> None:
    inbox, config = mail
    other = TestAuthority(tmp_path / "other")
    office = Office(office_database, Mail(config.model_copy(update={"ca_file": other.file}), office="office"))
    office.fork()
    assert office.alerts.deliver() == 0
    named = config.model_copy(update={"host": "127.0.0.1"})  # the certificate names localhost
    assert office.again(Mail(named, office="office")).deliver() == 0
    assert inbox.messages == []
    assert office.outcomes == [("email", False), ("email", False)]


@pytest.mark.parametrize(("password", "well"), [("s3cret", 1), ("wrong", 0)])
def test_the_login_is_read_from_its_file_and_given_after_tls(
    office_database: Database, server_files: Credentials, tmp_path: Path, password: str, well: int
) -> None:
    inbox = Inbox()
    server = Server(inbox, server_files, at_once=False, login=True)
    server.start()
    config = EmailConfig(
        host="localhost",
        port=server.server.sockets[0].getsockname()[1],
        sender="clockface@example.com",
        recipients=("ana@example.com",),
        username="clockface",
        password_file=secret_file(tmp_path, f"{password}\n"),
        ca_file=server_files.authority,
    )
    office = Office(office_database, Mail(config, office="office"))
    office.fork()
    assert office.alerts.deliver() == well
    server.stop()
    assert set(inbox.logins) == {password.encode()}
    assert len(inbox.messages) == well


def test_a_webhook_is_signed_and_its_signature_can_be_checked(
    office_database: Database, sink: tuple[type[Sink], str], server_files: Credentials, tmp_path: Path
) -> None:
    got, url = sink
    config = WebhookConfig(url=url, secret_file=secret_file(tmp_path, "k" * 32), ca_file=server_files.authority)
    office = Office(office_database, Webhook(config, office="office"))
    office.fork()
    assert office.alerts.deliver() == 1
    [(headers, body)] = got.got
    assert headers["Clockface-Signature"] == signature(body, secret="k" * 32, now_s=int(NOW.timestamp()))
    assert signature(body + b" ", secret="k" * 32, now_s=1) != signature(body, secret="k" * 32, now_s=1)
    [alarm] = json.loads(body)["alarms"]
    assert (alarm["phase"], alarm["alarm"], alarm["subject"]) == ("raised", "fork", "mill/gate")


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_webhook_that_fails_is_tried_again_with_growing_pauses_and_follows_nobody(
    office_database: Database, sink: tuple[type[Sink], str], server_files: Credentials, status: int
) -> None:
    got, url = sink
    got.status = status
    office = Office(
        office_database, Webhook(WebhookConfig(url=url, ca_file=server_files.authority), office="o")
    )
    office.fork()
    tried = []
    for office.time_s in (0.0, 29.0, 31.0, 60.0, 92.0):
        assert office.alerts.deliver() == 0
        tried.append(len(got.got))
    assert tried == [1, 1, 2, 2, 3]
    got.status, office.time_s = 200, 10_000.0
    assert office.alerts.deliver() == 1
    assert "Clockface-Signature" not in got.got[-1][0]


def test_a_way_that_works_is_not_used_twice_because_another_does_not(
    office_database: Database,
    mail: tuple[Inbox, EmailConfig],
    sink: tuple[type[Sink], str],
    server_files: Credentials,
) -> None:
    inbox, email = mail
    got, url = sink
    got.status = 503
    hook = Webhook(WebhookConfig(url=url, ca_file=server_files.authority), office="office")
    office = Office(office_database, Mail(email, office="office"), hook)
    office.fork()
    assert office.alerts.deliver() == 0
    got.status, office.time_s = 200, 31.0
    assert office.alerts.deliver() == 1
    assert (len(inbox.messages), len(got.got)) == (1, 2)


def test_an_alarm_that_came_and_went_unseen_is_told_once(
    office_database: Database, sink: tuple[type[Sink], str], server_files: Credentials
) -> None:
    got, url = sink
    office = Office(
        office_database, Webhook(WebhookConfig(url=url, ca_file=server_files.authority), office="o")
    )
    office.fork()
    office.clear()
    assert [office.alerts.deliver(), office.alerts.deliver()] == [1, 0]
    assert json.loads(got.got[0][1])["alarms"][0]["phase"] == "cleared"


def test_nothing_ends_the_thread_that_tells(office_database: Database) -> None:
    class Broken:
        name = "webhook"
        tries = 0

        def send(self, _alerts: object, *, now_us: int) -> None:
            self.tries += 1
            if self.tries == 2:
                stop.set()
            raise RuntimeError("of our own")

    stop, broken = threading.Event(), Broken()
    office = Office(office_database, broken)
    office.fork()
    thread = threading.Thread(target=office.alerts.run, args=(stop,), kwargs={"every_s": 0.01})
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert broken.tries >= 2


@given(subject=st.text(max_size=300), detail=st.text(max_size=300))
def test_no_text_becomes_a_header_a_line_or_a_control(subject: str, detail: str) -> None:
    alert = Alert(1, Phase.RAISED, "fork", subject, detail, 1, None)
    head, text = as_text([alert], office=HOSTILE)
    assert head.isprintable()
    assert head.isascii()
    assert text.count("\n") == 4
    assert all(c.isprintable() or c == "\n" for c in text)
    assert as_json([alert], office="o").isascii()
