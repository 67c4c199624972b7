"""A small working counter behind the API: badges and PINs in dictionaries."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

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
from edge.errors import BadgeUnknown

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class SmallCounter:
    """A `WithoutFaceService` in memory."""

    given: dict[str, BadgeView] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    entered: list[PinEntered] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    corrections: list[CorrectionAsked] = field(default_factory=list)
    disowned: list[Disavowal] = field(default_factory=list)
    held: int = 0
    answer: PinTaken = field(default_factory=lambda: PinTaken(outcome="accepted"))

    def issue_badge(self, asked: BadgeAsked, peer: Peer) -> BadgeIssued:
        badge = BadgeView(
            badge_id=f"{len(self.given):024x}", person_id=asked.person_id, issued_at=AT, issued_by=peer.account
        )
        self.given[badge.badge_id] = badge
        return BadgeIssued(badge=badge, token="CLK1")

    def badge_text(self, badge_id: str, peer: Peer) -> BadgeIssued:
        if badge_id not in self.given:
            raise BadgeUnknown("no such badge", where=badge_id)
        return BadgeIssued(badge=self.given[badge_id], token="CLK1")

    def badges(self, query: BadgeQuery) -> BadgeList:
        return BadgeList(badges=tuple(self.given.values()))

    def revoke_badge(self, badge_id: str, peer: Peer) -> BadgeView:
        self.given[badge_id] = self.given[badge_id].model_copy(update={"revoked": True})
        return self.given[badge_id]

    def set_pin(self, person_id: str, asked: PinSet, peer: Peer) -> WaysView:
        self.pins[person_id] = asked.pin or ""
        return self.ways_of(person_id)

    def new_code(self, person_id: str, peer: Peer) -> CodeSecret:
        return CodeSecret(uri="otpauth://totp/x?secret=A")

    def set_way(self, person_id: str, asked: WaySet, peer: Peer) -> WaysView:
        return self.ways_of(person_id)

    def set_card(self, person_id: str, asked: CardSet, peer: Peer) -> WaysView:
        return self.ways_of(person_id)

    def ways_of(self, person_id: str) -> WaysView:
        return WaysView(
            person_id=person_id,
            way="badge_pin",
            own_way=False,
            pin_set=bool(self.pins.get(person_id)),
            code_set=False,
            badges=len(self.given),
        )

    def enter_pin(self, entered: PinEntered) -> PinTaken:
        self.entered.append(entered)
        return self.answer

    def cancel_pin(self, gone: PromptGone) -> PromptGone:
        self.cancelled.append(gone.prompt_id)
        return gone

    def hold_pin(self, held: PromptGone) -> PromptHeld:
        self.held += 1
        return PromptHeld(left_s=30.0)

    def disavow(self, said: Disavowal) -> DisavowalTaken:
        self.disowned.append(said)
        return DisavowalTaken(outcome="voided" if said.seq == 1 else "too_late")

    def ask_correction(self, asked: CorrectionAsked) -> CorrectionTaken:
        self.corrections.append(asked)
        return CorrectionTaken(outcome="sent")
