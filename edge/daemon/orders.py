"""Operators' commands: verified, used once, in order and in time, and answered with a signed result.

Effect, number and result are one transaction: after a power cut a command was done and answered, or not taken.
Trust boundary: an operator's signature. It can stop and start the kiosk, show a text and change what
`edge.configuration.OFFICE_MAY` lists; it reaches no key, no threshold, no face and no file.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

import structlog

from clockface.errors import ClockfaceError, ConfigError
from edge.daemon.answers import Reply, not_now
from edge.daemon.bulletin import Bulletin
from edge.daemon.deliveries import Outcome, Refused, Taken, opened
from edge.daemon.support import Bundle
from edge.ports import Clock
from edge.store.noticeboard import Closure
from edge.store.office import by_id
from edge.store.officesettings import ConfigSource, office_text, write_office_text
from edge.store.store import Store
from edge.types.identity import PersonId
from sync.wire.commands import (
    Command,
    Configure,
    Identify,
    InService,
    OutOfService,
    Restart,
    SendSupportBundle,
    ShowMessage,
    TrustKeys,
)
from sync.wire.topics import Address

ACTOR = "office"

log = structlog.get_logger(__name__)


class OrderDesk:
    """Takes commands, one at a time (`edge.daemon.deliveries`).

    Args:
        store: The ledger.
        address: For whom commands must be.
        clock: Source of time.
        bulletin: The screen.
        source: Where the configuration came from.
        restart: Ends the process in good order, a moment later; systemd starts it anew.
        bundle: Collects what an engineer needs.
    """

    def __init__(
        self,
        *,
        store: Store,
        address: Address,
        clock: Clock,
        bulletin: Bulletin,
        source: ConfigSource,
        restart: Callable[[], None],
        bundle: Bundle,
    ) -> None:
        self._store = store
        self._address = address
        self._clock = clock
        self._bulletin = bulletin
        self._source = source
        self._restart = restart
        self._bundle = bundle

    @property
    def kind(self) -> type[Command]:
        """What it takes."""
        return Command

    def take(self, raw: bytes) -> Taken:
        """Verify a command, do it and answer it.

        Raises:
            Refused: Not an operator's, or not for this device; strangers are not answered.
            StoreError: The ledger failed; nothing was done, and the courier brings it again.
        """
        command = opened(Command, raw, keys=self._store.office.operator(), address=self._address)
        kept = self._store.progress.answered(command.id)
        if kept is not None:
            return Taken(Outcome.REPEATED, result=kept, answers=command.id)
        following = command.order.operator_keys if isinstance(command.order, TrustKeys) else None
        if following is not None and not self._signed_by(raw, following):
            return self._refuse(command, Reply("refused", "locks_out", "none of these keys signed the command"))
        return self._judge(command)

    def _signed_by(self, raw: bytes, keys: Sequence[str]) -> bool:
        """Whether a key that is to be believed has signed: else nobody could say anything here afterwards."""
        try:
            opened(Command, raw, keys=by_id(keys), address=self._address)
        except Refused:
            return False
        return True

    def _judge(self, command: Command) -> Taken:
        if command.number <= self._store.progress.command_number():
            return self._refuse(
                command, Reply("stale", "stale", "a command of this number or a later one was taken")
            )
        never = not_now(
            issued=command.issued,
            expires=command.expires,
            now=self._clock.now(),
            known=self._store.clock.last_trusted(),
        )
        if never is not None:
            return self._refuse(command, never)
        return self._do(command)

    def _refuse(self, command: Command, reply: Reply) -> Taken:
        """Answer without using the number up: what waits for the clock may come again."""
        log.warning("command_not_taken", outcome=reply.outcome, reason=reply.reason)
        return Taken(
            Outcome.REFUSED, reply.reason or "", result=self._signed(command, reply), answers=command.id
        )

    def _do(self, command: Command) -> Taken:
        collected = self._bundle.collect() if isinstance(command.order, SendSupportBundle) else None
        with self._store.database.write():
            self._store.progress.take_command(command.number)
            reply = self._tried(command, collected)
            signed = self._signed(command, reply)
            self._store.progress.answer(command.id, signed)
            self._store.audit.append(
                "command.taken", actor=ACTOR, subject=command.id, detail=f"{command.order.do},{reply.outcome}"
            )
        log.info("command_taken", outcome=reply.outcome, reason=reply.reason)
        self._afterwards(command, reply)
        outcome = Outcome.APPLIED if reply.outcome == "done" else Outcome.REFUSED
        return Taken(outcome, reply.reason or "", result=signed, answers=command.id)

    def _tried(self, command: Command, collected: bytes | None) -> Reply:
        """The effect in a transaction of its own: a failed one leaves nothing but its answer."""
        try:
            with self._store.database.write():
                return self._effect(command, collected)
        except ConfigError as error:
            return Reply(
                "refused",
                "setting",
                (error.what if error.where is None else f"{error.what} ({error.where})")[:200],
            )
        except (ClockfaceError, OSError) as error:
            return Reply("failed", type(error).__name__, "see the device's log")

    def _effect(self, command: Command, collected: bytes | None) -> Reply:  # noqa: PLR0911 - one a command
        match command.order:
            case Restart():
                return Reply("done", detail="the daemon starts anew")
            case OutOfService(reason=reason):
                self._store.noticeboard.close_kiosk(Closure(reason, command.id))
                return Reply("done")
            case InService():
                was_out = self._store.noticeboard.open_kiosk()
                return Reply("done", detail="" if was_out else "it was in service")
            case Identify():
                return Reply("done")
            case ShowMessage() as message:
                return self._show(command.id, message)
            case Configure(settings=settings):
                write_office_text(self._source, office_text(self._source, settings))
                return Reply("done", "restart_needed", "in force when the daemon starts anew: send restart")
            case TrustKeys(online_keys=online, operator_keys=operator):
                self._store.office.trust(online_keys=online or (), operator_keys=operator or (), by=ACTOR)
                return Reply("done")
            case SendSupportBundle():
                return Reply("done", parcel=self._bundle.hand_in(collected or b""))
            case never:
                assert_never(never)

    def _show(self, message_id: str, message: ShowMessage) -> Reply:
        until = datetime.fromisoformat(message.until)
        person = None if message.person is None else PersonId(message.person)
        if until <= self._clock.now().wall:
            return Reply("refused", "ended", "the message has ended already")
        if person is not None and not self._store.people.exists(person):
            return Reply("refused", "person_unknown", f"nobody here has the id {person}")
        self._store.noticeboard.put(message_id, message.text, person_id=person, until=until)
        return Reply("done")

    def _afterwards(self, command: Command, reply: Reply) -> None:
        """What happens once the result is on disk; a crash before it loses a flash of the light, no more."""
        if reply.outcome != "done":
            return
        if isinstance(command.order, Restart):
            self._restart()
        elif isinstance(command.order, Identify):
            self._bulletin.identify(command.order.seconds)
        else:
            self._bulletin.reload()

    def _signed(self, command: Command, reply: Reply) -> bytes:
        return self._store.device_keys.sign(
            reply.to(
                command.id,
                address=self._address,
                roster_version=self._store.progress.roster_version(),
                at=self._clock.now(),
            )
        )
