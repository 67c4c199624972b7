"""Decides what the screen shows, from what edge announces, what is touched, and the time that has passed. Pure.

Results come before the question for a PIN, that before guidance, that before what stands. Nothing here is
confirmed that edge has not announced as committed.
"""

from dataclasses import replace
from typing import Final

from edge.api.protocol.stage import AnnouncementLine, PinPrompt
from edge.kiosk.screen.moment import (
    BRIEF_S,
    CHOICE_S,
    CHOSEN_S,
    LOCKED_S,
    NEXT_PERSON_S,
    OFFERING,
    STARTING_S,
    TAKEN_S,
    VISITOR_S,
    Choice,
    Moment,
    Question,
    State,
    moment_of,
)

NEVER: Final = float("-inf")
_BRIEF: Final = frozenset({State.BADGE_REFUSED, State.VOIDED})
_RECORDS: Final = frozenset({State.RECORDED, State.ALREADY_RECORDED})


class Director:
    """Fed with announcements, touches and the time; asked for the moment.

    Args:
        greeting_s: Shortest time that a result stays.
        now_s: Seconds of a steady clock, at the start.
        sleep_after_s: After how long without anybody the screen may go dark; 0: never.
    """

    def __init__(self, *, greeting_s: float, now_s: float, sleep_after_s: float = 0.0) -> None:
        self._greeting_s = greeting_s
        self._sleep_after_s = sleep_after_s
        self._standing = Moment(State.STARTING)
        self._gone_since_s: float | None = now_s
        self._result: Moment | None = None
        self._result_since_s = 0.0
        self._disown_until_s = self._ask_until_s = NEVER
        self._person_left = False
        self._guidance: Moment | None = None
        self._question: Question | None = None
        self._identify_until_s = NEVER
        self._awake_s = now_s
        self._visitor = ""
        self._visitor_until_s = NEVER
        self._chosen: Choice | None = None
        self._chosen_until_s = NEVER
        self.ways: tuple[str, ...] = ()
        self.board: tuple[str, ...] = ()

    # --- what edge says -----------------------------------------------------------------------------------

    def hear(self, line: AnnouncementLine, now_s: float) -> None:
        """Take an announcement into account."""
        self._gone_since_s = None
        if line.notice == "message":
            self.board = line.messages
            return
        self.touched(now_s)
        if line.notice in OFFERING:
            self.ways = line.ways
        if line.notice == "identify":
            self._identify_until_s = now_s + line.seconds
        elif line.notice == "enter_pin" and line.prompt is not None:
            self._ask(line.prompt, float(line.seconds), now_s)
        elif line.notice == "badge_refused" and line.detail == "pin_not_accepted" and not line.seconds:
            self._wrong(now_s)
        elif (moment := moment_of(line)) is not None:
            self._show(moment, line, now_s)

    def _ask(self, prompt: PinPrompt, length_s: float, now_s: float) -> None:
        self._question = Question(prompt.prompt_id, prompt.asks, now_s + length_s, length_s)
        self._result = None  # whoever showed a badge has something to do

    def _wrong(self, now_s: float) -> None:
        """Edge waits again; the page that sent the answer says that it did not fit."""
        if self._question is not None:
            until_s = now_s + self._question.length_s
            self._question = replace(self._question, until_s=until_s, wrong=self._question.wrong + 1)

    def _show(self, moment: Moment, line: AnnouncementLine, now_s: float) -> None:
        if moment.state is State.GUIDANCE:
            self._guidance = moment
            return
        if moment.state in {State.ATTRACT, State.OUT_OF_SERVICE}:
            self._standing, self._guidance, self._person_left = moment, None, True
            return
        if line.notice == "badge_refused" and line.seconds:
            moment = replace(moment, until_s=now_s + line.seconds)
            self._question = None
        if moment.state in _RECORDS:
            self._chosen = None
            self._disown_until_s, self._ask_until_s = now_s + line.not_me_s, now_s + line.correction_s
            self._question = self._question if line.prompt is not None else None
        self._result, self._result_since_s = moment, now_s
        self._guidance, self._person_left = None, False
        if self._standing.state is not State.ATTRACT and moment.state not in _BRIEF:
            self._standing = Moment(State.ATTRACT)  # who is judged is served: what stood before is over

    def alive(self) -> None:
        """Edge lives, whatever it has to say."""
        self._gone_since_s = None

    def gone(self, now_s: float) -> None:
        """Edge does not answer. What it said last does not hold any longer."""
        if self._gone_since_s is None:
            self._gone_since_s = now_s
        self._result = self._guidance = self._question = self._chosen = None
        self._standing = Moment(State.STARTING)
        self.board = self.ways = ()

    # --- what is touched ----------------------------------------------------------------------------------

    def touched(self, now_s: float) -> None:
        """Somebody is there."""
        self._awake_s = now_s
        self._visitor_until_s = now_s + VISITOR_S

    def speak(self, language: str, now_s: float) -> None:
        """Somebody asked for a language; it goes when they have."""
        self._visitor = language
        self.touched(now_s)

    def chose(self, choice: Choice, now_s: float) -> None:
        """A choice waits for whoever is recognised next."""
        self._chosen, self._chosen_until_s = choice, now_s + CHOSEN_S

    def answered(self, now_s: float) -> None:
        """The PIN fitted: the record is announced in a moment."""
        if self._question is not None:
            self._question = replace(self._question, until_s=now_s + TAKEN_S)

    def held(self, left_s: float, now_s: float) -> None:
        """Edge waits so much longer for whoever still types."""
        if self._question is not None:
            self._question = replace(self._question, until_s=now_s + left_s)

    def cancelled(self) -> None:
        """Whoever was asked does not want to."""
        self._question = None

    # --- what is shown ------------------------------------------------------------------------------------

    def moment(self, now_s: float, *, night: bool = True) -> Moment:
        """What is to be shown now; `night`: whether the screen may go dark at this hour."""
        bare = self._bare(now_s)
        if bare.state is State.ATTRACT and night and 0 < self._sleep_after_s <= now_s - self._awake_s:
            return Moment(State.ASLEEP)
        recorded = bare.state is State.RECORDED
        if now_s >= self._visitor_until_s:
            self._visitor = ""
        return replace(
            bare,
            may_disown=recorded and now_s < self._disown_until_s,
            may_ask=recorded and now_s < self._ask_until_s,
            ways=self.ways,
            language=bare.language or self._visitor,
            chosen=self._chosen if now_s < self._chosen_until_s else None,
        )

    def _bare(self, now_s: float) -> Moment:
        if self._gone_since_s is not None:
            late = now_s - self._gone_since_s >= STARTING_S
            return Moment(State.OUT_OF_SERVICE, code="edge_gone") if late else Moment(State.STARTING)
        if now_s < self._identify_until_s:
            return Moment(State.IDENTIFY)
        if self._question is not None and now_s >= self._question.until_s:
            self._question = None
        if self._result is not None and self._over(self._result, now_s):
            self._result = None
        if self._result is None and self._question is not None:
            return Moment(State.ENTER_PIN, question=self._question)
        return self._result or self._guidance or self._standing

    def _over(self, result: Moment, now_s: float) -> bool:
        age_s = now_s - self._result_since_s
        if result.state is State.CHOOSE:
            return age_s >= CHOICE_S
        if self._guidance is not None or self._question is not None:
            return age_s >= NEXT_PERSON_S
        if result.state in _BRIEF:
            waits_s = 0.0 if result.until_s is None else result.until_s - self._result_since_s
            return age_s >= max(self._greeting_s, BRIEF_S, min(LOCKED_S, waits_s))
        return self._person_left and age_s >= self._greeting_s
