"""What the local API does for people without a face: staff give badges and PINs, the screen takes them.

Trust boundary: requests are validated by the protocol and authorised by their socket. What is secret (a
badge's text, a PIN, a code's secret) goes back to the staff who asked, once, and nowhere else; each act is in
the audit.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.api.protocol.badges import (
    BadgeAsked,
    BadgeIssued,
    BadgeList,
    BadgeQuery,
    BadgeView,
    CardSet,
    CodeSecret,
    PinSet,
    WaySet,
    WaysView,
)
from edge.api.protocol.intents import (
    CorrectionAsked,
    CorrectionTaken,
    Disavowal,
    DisavowalTaken,
    PinEntered,
    PinTaken,
    PromptGone,
    PromptHeld,
)
from edge.api.service import Peer
from edge.badge import codes, pin, token
from edge.badge.token import BadgeKey
from edge.config.tree import Config
from edge.daemon.afterthoughts import Afterthoughts
from edge.daemon.badges import BadgeDesk
from edge.errors import BadgeUnknown, EnrolmentError, PinTooEasy
from edge.ports import Clock
from edge.store.badges import IssuedBadge
from edge.store.store import Store
from edge.types.identity import PersonId


class WithoutFace:
    """The operations. Safe from several threads.

    Args:
        config: The configuration.
        store: The ledger.
        clock: Source of time.
        keys: Of badges: the first seals.
        desk: Judges what people show and type.
        afterthoughts: Takes what they say of their record.
        share: Tells the office of a person who changed here, in the change's transaction.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        clock: Clock,
        keys: Sequence[BadgeKey],
        desk: BadgeDesk,
        afterthoughts: Afterthoughts,
        share: Callable[[PersonId], None],
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._key = keys[0]
        self._desk = desk
        self._afterthoughts = afterthoughts
        self._share = share

    # --- staff --------------------------------------------------------------------------------------------

    def issue_badge(self, asked: BadgeAsked, peer: Peer) -> BadgeIssued:
        """Give a person a badge."""
        ends_at = None if asked.ends_at is None else token.whole_minute(asked.ends_at)
        if ends_at is not None and ends_at <= self._clock.now().wall:
            raise EnrolmentError("a badge must end in the future", where="ends_at")
        person_id = PersonId(asked.person_id)
        badge = token.Badge(token.new_badge_id(), person_id, ends_at)
        text = token.write(badge, key=self._key, site=self._config.device.site)
        issued = self._store.badges.add(badge.badge_id, person_id, ends_at=ends_at, actor=peer.account)
        return BadgeIssued(badge=badge_view(issued), token=text)

    def badge_text(self, badge_id: str, peer: Peer) -> BadgeIssued:
        """What a badge says, to print it again."""
        issued = self._store.badges.find(badge_id)
        if issued is None or issued.revoked:
            raise BadgeUnknown(
                "no badge of this kiosk that counts has this id",
                where=badge_id[:24],
                next_step="clockface badge list",
            )
        text = token.write(
            token.Badge(badge_id, issued.person_id, issued.ends_at),
            key=self._key,
            site=self._config.device.site,
        )
        self._store.audit.append("badge.printed", actor=peer.account, subject=issued.person_id, detail=badge_id)
        return BadgeIssued(badge=badge_view(issued), token=text)

    def badges(self, query: BadgeQuery) -> BadgeList:
        """List badges."""
        person_id = None if query.person_id is None else PersonId(query.person_id)
        return BadgeList(
            badges=tuple(badge_view(each) for each in self._store.badges.list(person_id=person_id))
        )

    def revoke_badge(self, badge_id: str, peer: Peer) -> BadgeView:
        """Let a badge count no more, here and, through the office, at the site's other kiosks."""
        with self._store.database.write():
            revoked = self._store.badges.revoke(badge_id, actor=peer.account)
            self._share(revoked.person_id)
        return badge_view(revoked)

    def set_pin(self, person_id: str, asked: PinSet, peer: Peer) -> WaysView:
        """Give a person a PIN, or take it away."""
        subject = PersonId(person_id)
        person = self._store.people.get(subject)
        kept = None
        if asked.pin is not None:
            least = self._config.badge.min_pin_digits
            if len(asked.pin) < least:
                raise PinTooEasy(f"a PIN has at least {least} digits here", where="badge.min_pin_digits")
            if pin.too_easy(asked.pin, number=person.profile.number):
                raise PinTooEasy(
                    "a PIN must not be one digit, a run, a repeated pair or part of the employee number",
                    next_step="clockface badge pin PERSON makes a good one",
                )
            kept = pin.hashed(asked.pin).as_fields()
        action = "pin.set" if kept is not None else "pin.removed"
        with self._store.database.write():
            standing = self._store.credentials.of(subject)
            self._store.credentials.put(subject, replace(standing, pin=kept), action=action, actor=peer.account)
            self._store.credentials.forgive(subject)
        return self.ways_of(person_id)

    def new_code(self, person_id: str, peer: Peer) -> CodeSecret:
        """Give a person a secret for an authenticator app; an earlier one counts no more."""
        subject, secret = PersonId(person_id), codes.new_secret()
        person = self._store.people.get(subject)
        with self._store.database.write():
            standing = self._store.credentials.of(subject)
            fresh = replace(standing, code=secret, code_step=0)
            self._store.credentials.put(subject, fresh, action="code.set", actor=peer.account)
            self._store.credentials.forgive(subject)
        uri = codes.enrolment_uri(secret, label=person.profile.number, issuer=self._config.device.site)
        return CodeSecret(uri=uri)

    def set_way(self, person_id: str, asked: WaySet, peer: Peer) -> WaysView:
        """Give a person a way in of their own, or the site's again."""
        subject = PersonId(person_id)
        with self._store.database.write():
            standing = self._store.credentials.of(subject)
            self._store.credentials.put(
                subject, replace(standing, way=asked.way), action="way.set", actor=peer.account
            )
        return self.ways_of(person_id)

    def set_card(self, person_id: str, asked: CardSet, peer: Peer) -> WaysView:
        """Give a person a card that a reader types, or take all their cards away."""
        subject = PersonId(person_id)
        if asked.card is None:
            self._store.badges.drop_cards(subject, actor=peer.account)
        else:
            self._store.badges.assign_card(asked.card, subject, actor=peer.account)
        return self.ways_of(person_id)

    def ways_of(self, person_id: str) -> WaysView:
        """How a person comes in without a face."""
        subject = PersonId(person_id)
        self._store.people.get(subject)  # or PersonUnknown
        has, now = self._store.credentials.of(subject), self._clock.now().wall
        counting = [
            each
            for each in self._store.badges.list(person_id=subject)
            if not each.revoked and (each.ends_at is None or each.ends_at > now)
        ]
        return WaysView.model_validate(
            {
                "person_id": person_id,
                "way": has.way or self._config.badge.method,
                "own_way": has.way is not None,
                "pin_set": has.pin is not None,
                "code_set": has.code is not None,
                "badges": len(counting),
            }
        )

    # --- the screen ---------------------------------------------------------------------------------------

    def enter_pin(self, entered: PinEntered) -> PinTaken:
        """Judge a PIN or code; the loop's thread makes the record."""
        outcome, wait_s = self._desk.enter(entered.pin, prompt_id=entered.prompt_id, number=entered.number)
        return PinTaken(outcome=outcome.value, wait_s=wait_s)

    def cancel_pin(self, gone: PromptGone) -> PromptGone:
        """Whoever was asked does not want to."""
        self._desk.cancel(gone.prompt_id)
        return gone

    def hold_pin(self, held: PromptGone) -> PromptHeld:
        """Somebody still types: wait for them."""
        return PromptHeld(left_s=self._desk.hold(held.prompt_id))

    def disavow(self, said: Disavowal) -> DisavowalTaken:
        """Void a record that its person disowns."""
        done = self._afterthoughts.disown(said.epoch, said.seq)
        return DisavowalTaken(outcome="voided" if done else "too_late")

    def ask_correction(self, asked: CorrectionAsked) -> CorrectionTaken:
        """Ask the office for a record that is missing."""
        sent = self._afterthoughts.ask(asked.epoch, asked.seq, direction=asked.direction, moment=asked.at)
        return CorrectionTaken(outcome="sent" if sent else "too_late")


def badge_view(issued: IssuedBadge) -> BadgeView:
    """A badge for the wire."""
    return BadgeView(
        badge_id=issued.badge_id,
        person_id=issued.person_id,
        issued_at=issued.issued_at,
        issued_by=issued.issued_by,
        ends_at=issued.ends_at,
        revoked=issued.revoked,
    )
