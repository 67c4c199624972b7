"""What is left out changes nothing: every kiosk ends with the site's roster, whatever was lost or repeated."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from sync.office.compaction import Kind, Step, compact

PEOPLE = ("ann", "ben")
TEMPLATES = ("t1", "t2", "t3")


@dataclass
class Office:
    """What is true now, as the rows beside the changes say, and the changes that led there."""

    steps: list[Step] = field(default_factory=list)
    consenting: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    details: dict[str, int] = field(default_factory=dict)
    templates: dict[str, set[str]] = field(default_factory=dict)

    @property
    def version(self) -> int:
        return len(self.steps)

    def act(self, kind: Kind, person: str, template: str) -> None:
        """Do what `sync.office.roster` allows, and nothing else."""
        held = self.templates.setdefault(person, set())
        if kind is Kind.PUT_PERSON:
            self.details[person] = self.version
            self.known.add(person)
            self.consenting.add(person)
        elif person not in self.known or (kind is Kind.PUT_TEMPLATE and person not in self.consenting):
            return
        elif kind is Kind.PUT_TEMPLATE:
            held.add(template)
        elif kind is Kind.REMOVE_TEMPLATE:
            if template not in held:
                return
            held.remove(template)
        else:
            held.clear()
            self.consenting.discard(person)
            if kind is Kind.REMOVE_PERSON:
                self.known.discard(person)
                self.details.pop(person)
        one = kind in (Kind.PUT_TEMPLATE, Kind.REMOVE_TEMPLATE)
        of_template = f"{person}-{template}" if one else None
        self.steps.append(Step(self.version + 1, kind, person, of_template))


@dataclass
class Kiosk:
    """The device's rule, without the device: apply if base <= current, pass over what it has."""

    office: Office
    version: int = 0
    details: dict[str, int] = field(default_factory=dict)
    consenting: set[str] = field(default_factory=set)
    templates: dict[str, set[str]] = field(default_factory=dict)

    def take(self, document: "Document") -> None:
        if document.base > self.version or document.version <= self.version:
            return
        for step in document.steps:
            if step.version > self.version:
                self._apply(step, document)
        self.version = document.version

    def _apply(self, step: Step, document: "Document") -> None:
        held = self.templates.setdefault(step.person, set())
        if step.kind is Kind.PUT_PERSON:
            if step.person in document.details:  # else: removed since, and so not in the document
                self.details[step.person] = document.details[step.person]
                self.consenting |= {step.person} & document.consenting
        elif step.kind is Kind.PUT_TEMPLATE:
            if step.person in self.consenting and step.template in document.templates:
                held.add(str(step.template))
        elif step.kind is Kind.REMOVE_TEMPLATE:
            held.discard(str(step.template))
        else:
            held.clear()
            self.consenting.discard(step.person)
            if step.kind is Kind.REMOVE_PERSON:
                self.details.pop(step.person, None)


@dataclass(frozen=True)
class Document:
    base: int
    version: int
    steps: tuple[Step, ...]
    details: dict[str, int]
    consenting: set[str]
    templates: set[str]


def sign(office: Office, *, base: int, chunk: int) -> list[Document]:
    """Compact, cut, and fill in what is true now."""
    steps = compact(step for step in office.steps if step.version > base)
    cuts = [tuple(steps[start : start + chunk]) for start in range(0, len(steps), chunk)] or [()]
    documents = []
    for index, cut in enumerate(cuts):
        until = office.version if index == len(cuts) - 1 else cut[-1].version
        live = {f"{person}-{each}" for person, held in office.templates.items() for each in held}
        documents.append(Document(base, until, cut, dict(office.details), set(office.consenting), live))
        base = until
    return documents


acts = st.lists(
    st.tuples(st.sampled_from(Kind), st.sampled_from(PEOPLE), st.sampled_from(TEMPLATES)), max_size=12
)
rounds = st.lists(st.tuples(acts, st.integers(1, 4), st.booleans()), min_size=1, max_size=5)


@given(rounds=rounds, data=st.data())
def test_any_interleaving_of_documents_lost_or_repeated_converges_to_the_sites_roster(
    rounds: list[tuple[list[tuple[Kind, str, str]], int, bool]], data: st.DataObject
) -> None:
    office = Office()
    kiosk = Kiosk(office)
    signed: list[Document] = []
    for done, chunk, from_applied in rounds:
        for act in done:
            office.act(*act)
        reach = signed[-1].version if signed and not from_applied else kiosk.version
        signed += sign(office, base=reach, chunk=chunk)
        for document in data.draw(st.lists(st.sampled_from(signed), max_size=6)):
            kiosk.take(document)
    for document in sign(office, base=kiosk.version, chunk=3):
        kiosk.take(document)
    held = {person: {f"{person}-{each}" for each in kept} for person, kept in office.templates.items() if kept}
    assert kiosk.version == office.version
    assert kiosk.details == office.details
    assert {person: kept for person, kept in kiosk.templates.items() if kept} == held
    assert kiosk.consenting == office.consenting


@given(acts=acts)
def test_a_removal_is_never_left_out_so_that_every_kiosk_answers_it(
    acts: list[tuple[Kind, str, str]],
) -> None:
    office = Office()
    for act in acts:
        office.act(*act)
    removed = {step.person for step in office.steps if step.kind is Kind.REMOVE_PERSON}
    assert {step.person for step in compact(office.steps) if step.kind is Kind.REMOVE_PERSON} == removed


def test_the_first_details_stay_where_a_template_follows_them() -> None:
    put, template, again = (
        Step(1, Kind.PUT_PERSON, "ann"),
        Step(2, Kind.PUT_TEMPLATE, "ann", "t1"),
        Step(3, Kind.PUT_PERSON, "ann"),
    )
    assert compact([put, template, again]) == [put, template, again]
    assert compact([put, again]) == [again]


def test_whoever_consents_again_is_said_to_before_the_template_that_follows() -> None:
    before, ended, consented, template, later = (
        Step(1, Kind.PUT_PERSON, "ann"),
        Step(2, Kind.REMOVE_TEMPLATES, "ann"),
        Step(3, Kind.PUT_PERSON, "ann"),
        Step(4, Kind.PUT_TEMPLATE, "ann", "ann-t1"),
        Step(5, Kind.PUT_PERSON, "ann"),
    )
    assert compact([before, ended, consented, template, later]) == [ended, consented, template, later]
