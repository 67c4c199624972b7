"""Matches a face in the chains in use: the current one, then the one that some people still have templates of.

Two galleries give a stranger two chances, so the thresholds count everybody in both. Who has templates of the
current chain is matched by it alone.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from edge.inference.analyser import Face
from edge.inference.comparator import Comparator
from edge.inference.decision import Compared
from edge.inference.gallery import Gallery
from edge.inference.operating_point import Threshold
from edge.inference.stages import Stage, StageTimes
from edge.types.faces import Embedding, Frame
from edge.types.identity import ModelHash, PersonId
from edge.types.people import Template

BROKEN = 0.1
"""Two frames of one track whose cosine is lower show two people, whatever the tracker says."""


class Matcher:
    """The chains in use and their galleries.

    Args:
        current: The chain that new templates are made with.
        previous: The chain that some people still have templates of, or None.
        times: Where stages are timed.
    """

    def __init__(self, *, current: Comparator, previous: Comparator | None, times: StageTimes) -> None:
        self.current = current
        self.previous = previous
        self._times = times

    @property
    def galleries(self) -> Mapping[ModelHash, Gallery]:
        """The gallery of each chain in use, the current one first."""
        return {chain.model_hash: chain.gallery for chain in self._chains()}

    @property
    def thresholds(self) -> Mapping[ModelHash, Threshold]:
        """The threshold in force of each chain in use."""
        return {chain.model_hash: chain.threshold(people=self._people()) for chain in self._chains()}

    def enrolled(self, person_id: PersonId, templates: Iterable[Template]) -> None:
        """Give a person exactly these templates of the current chain; the previous chain's are used no more."""
        self.current.gallery.replace(person_id, templates)
        if self.previous is not None:
            self.previous.gallery.remove(person_id)

    def removed(self, person_id: PersonId) -> None:
        """Take a person out of both galleries."""
        self.current.gallery.remove(person_id)
        if self.previous is not None:
            self.previous.gallery.remove(person_id)

    def compare(self, frame: Frame, face: Face, last: dict[ModelHash, Embedding]) -> Compared | None:
        """Match one face in the current chain, then in the previous; None if it is not the track's person.

        Args:
            frame: Where the face is.
            face: As it was examined.
            last: The track's newest probe of each chain; this frame's take their place.
        """
        first = self._ask(self.current, frame, face, last)
        if first is None or self.previous is None or not self.previous.gallery.people:
            return first
        if first.match.score >= first.threshold:
            return first
        second = self._ask(self.previous, frame, face, last)
        if second is None:
            return None
        person = second.match.person_id
        moved_on = person is not None and person in self.current.gallery
        better = second.match.score - second.threshold > first.match.score - first.threshold
        return second if better and not moved_on else first

    def _ask(
        self, chain: Comparator, frame: Frame, face: Face, last: dict[ModelHash, Embedding]
    ) -> Compared | None:
        with self._times.measure(Stage.EMBED):
            probe = chain.embed(frame, face)
        before = last.get(chain.model_hash)
        last[chain.model_hash] = probe
        if before is not None and float(np.dot(before, probe)) < BROKEN:
            return None
        with self._times.measure(Stage.MATCH):
            match = chain.gallery.search(probe)
            threshold = chain.threshold(people=self._people())
        return Compared(match, threshold.score, chain.model_hash)

    def _chains(self) -> list[Comparator]:
        return [self.current] if self.previous is None else [self.current, self.previous]

    def _people(self) -> int:
        """Everybody that a stranger is compared with: two galleries give two chances to be mistaken."""
        return sum(chain.gallery.people for chain in self._chains())
