"""The roster in any order, cut, flipped or killed half-way: it ends where the whole ends, with an answer."""

import os
import secrets
import signal
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.daemon.deliveries import Outcome
from edge.types.identity import PersonId
from sync.wire.canonical import encode as canonical
from sync.wire.documents import sign_document
from sync.wire.fields import format_time
from sync.wire.roster import Change, RemovePerson, RemoveTemplates, RosterChanges, RosterDocument
from sync.wire.sealing import seal, to_text
from tests.edge.daemon.central import SITE, open_device, result_of
from tests.edge.daemon.rostered import ADA, AGREED, BOB, CYD, KEYS, NOW, Site, put, sealed_template
from tests.fakes import ManualClock

NUMBERS = st.sampled_from(["1", "2", "3"])
PEOPLE = st.sampled_from([ADA, BOB, CYD])
STEP = st.one_of(
    st.tuples(st.just("put"), PEOPLE, st.booleans(), st.booleans()),
    st.tuples(st.just("template"), PEOPLE, st.integers(1, 6)),
    st.tuples(st.just("no templates"), PEOPLE),
    st.tuples(st.just("remove"), PEOPLE),
)


def history(steps: list[tuple]) -> list[Change]:
    """Changes as an office makes them: a person's number is their own."""
    own = {ADA: "1", BOB: "2", CYD: "3"}
    changes: list[Change] = []
    for version, step in enumerate(steps, start=1):
        match step:
            case ("put", person, enabled, agreed):
                consent = AGREED if agreed else None
                changes.append(put(version, person, own[person], enabled=enabled, consent=consent))
            case ("template", person, seed):
                changes.append(sealed_template(version, person, seed=seed * 8 + "abc".index(person[0])))
            case ("no templates", person):
                changes.append(RemoveTemplates(version=version, person=person))
            case ("remove", person):
                changes.append(RemovePerson(version=version, person=person))
    return changes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(STEP, min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    shuffled=st.randoms(use_true_random=False),
)
def test_parts_repeated_and_out_of_order_end_where_the_whole_ends(
    tmp_path: Path, steps: list[tuple], cuts: list[int], shuffled
) -> None:
    changes = history(steps)
    whole, parts = (Site(open_device(tmp_path / secrets.token_hex(8), site_keys=KEYS)) for _ in range(2))
    for each in (whole, parts):
        each.central.install(each.device.store, each.device.clock)
    whole.take(*changes)
    edges = sorted({0, len(changes), *(cut for cut in cuts if cut < len(changes))})
    documents = [parts.document(*changes[begin:end], base=begin) for begin, end in pairwise(edges)]
    deliveries = documents * 2
    shuffled.shuffle(deliveries)
    for _ in range(len(documents)):  # the office repeats what got no answer but "gap"
        for document in deliveries:
            parts.device.desk.take(document)
    assert parts.people == whole.people
    assert parts.device.store.progress.roster_version() == len(changes)
    assert parts.device.store.verify().problems == ()
    for each in (whole, parts):
        each.device.store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=400), cut=st.integers(0, 400), bit=st.integers(0, 3000))
def test_whatever_is_sealed_and_signed_ends_in_an_answer(site: Site, noise: bytes, cut: int, bit: int) -> None:
    """The operator's key is right, and inside is anything: noise, half a roster, or one bit of it wrong."""
    good = bytearray(canonical_changes())
    good[bit % len(good)] ^= 1 << bit % 8
    sealing = site.device.store.device_keys.sealing
    assert sealing is not None
    before = site.people
    for plain in (noise, canonical_changes()[:cut], bytes(good)):
        blank = RosterDocument(
            site=SITE,
            device="kiosk",
            id=secrets.token_hex(16),
            base=0,
            version=2,
            issued=format_time(NOW),
            expires=format_time(NOW + timedelta(days=1)),
            sealed="",
        )
        sealed = to_text(seal(plain, to=sealing.public_key(), info=blank.info))
        document = sign_document(blank.model_copy(update={"sealed": sealed}), key=site.central.operator)
        result = result_of(site.device.store, site.device.desk.take(document).result)
        if result.outcome == "refused":
            assert site.people == before
        before = site.people
    assert site.device.store.verify().problems == ()


def canonical_changes() -> bytes:
    return canonical(RosterChanges(changes=[put(1, ADA, "7"), RemoveTemplates(version=2, person=BOB)]))


def test_a_kill_in_the_middle_of_an_application_leaves_all_or_nothing(site: Site, tmp_path: Path) -> None:
    people = [PersonId(secrets.token_hex(16)) for _ in range(20)]
    changes: list[Change] = [put(index + 1, person, str(index)) for index, person in enumerate(people)]
    changes += [sealed_template(21 + index, person, seed=index) for index, person in enumerate(people)]
    document = site.document(*changes)
    store = site.device.store
    for step in (1, 7, 25, 40, 41):
        store.close()
        child = os.fork()
        if child == 0:
            _die_at(tmp_path / "device", document, step)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        site.device = open_device(tmp_path / "device", site_keys=KEYS)
        store = site.device.store
        assert store.progress.roster_version() == 0
        assert site.people == {}
    assert site.device.desk.take(document).outcome is Outcome.APPLIED
    assert len(site.people) == 20
    assert store.verify().problems == ()


def _die_at(folder: Path, document: bytes, step: int) -> None:
    """In a child: apply the document, and be killed at the n-th entry of the audit trail."""
    try:
        device = open_device(folder, site_keys=KEYS, clock=ManualClock())
        audit, written = device.store.audit, 0
        append = type(audit).append

        def counting(self: object, *given: object, **more: object) -> int:
            nonlocal written
            written += 1
            if written == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return append(self, *given, **more)  # type: ignore[arg-type]

        type(audit).append = counting  # type: ignore[method-assign, assignment]
        device.desk.take(document)
    finally:
        sys.stdout.flush()
        os._exit(1)
