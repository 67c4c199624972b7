"""A device, the office that it believes, and what a roster is made of."""

from dataclasses import dataclass, field

import numpy as np

from edge.store.sitekey import SiteKey, SiteKeys, new_site_key
from edge.store.templates import encode
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template
from sync.wire.roster import Change, ConsentGiven, PersonDetails, PutPerson, PutTemplate
from sync.wire.sealing import TemplateIdentity, seal_template, to_text
from tests.edge.daemon.central import SITE, Central, Ledger, result_of
from tests.fakes import FIRST_INSTANT

KEY = new_site_key()
KEYS = SiteKeys((KEY,))
MODEL = ModelHash("ab" * 32)
ADA, BOB, CYD = (PersonId(letter * 32) for letter in "abc")
AGREED = ConsentGiven(text_version="1", language="en", how="paper", given_at="2026-03-01T09:00:00.000000Z")
NOW = FIRST_INSTANT.wall


def details(number: str, *, name: str = "Ada Lovelace", **more: object) -> PersonDetails:
    return PersonDetails.model_validate({"name": name, "number": number, "consent": AGREED, **more})


def put(version: int, person: PersonId, number: str, **more: object) -> PutPerson:
    return PutPerson(version=version, person=person, details=details(number, **more))


def vector(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=16).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def sealed_template(
    version: int, person: PersonId, *, seed: int = 1, key: SiteKey = KEY, plain: bytes | None = None
) -> PutTemplate:
    template = Template(TemplateId(f"{seed:032x}"), person, MODEL, vector(seed))
    identity = TemplateIdentity(site=SITE, person=person, template=template.template_id, model=MODEL)
    sealed = seal_template(plain or encode(template), site_key=key.secret, identity=identity)
    return PutTemplate(
        version=version,
        person=person,
        template=template.template_id,
        model=MODEL,
        site_key=key.key_id,
        sealed=to_text(sealed),
    )


@dataclass
class Site:
    """A device and the office that it believes."""

    device: Ledger
    central: Central = field(default_factory=Central)

    def document(self, *changes: Change, **more: object) -> bytes:
        given: dict[str, object] = {"issued": self.device.clock.now().wall, **more}
        return self.central.roster(self.device.store, self.device.address, changes, **given)  # type: ignore[arg-type]

    def take(self, *changes: Change, **more: object):
        taken = self.device.desk.take(self.document(*changes, **more))
        return taken, result_of(self.device.store, taken.result)

    @property
    def people(self) -> dict[str, tuple[str, bool, bool, int]]:
        """Number, enabled, consented and how many templates, by id."""
        return {
            each.person_id: (each.profile.number, each.enabled, each.consented, sum(each.templates.values()))
            for each in self.device.store.people.list()
        }


def caught_up(device: Ledger) -> tuple[int, int]:
    """How many people and templates a start hands in."""
    return sum(device.sharing.people()), sum(device.sharing.templates())
