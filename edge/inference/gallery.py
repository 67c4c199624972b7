"""The enrolled templates of one recognition chain in memory, and the exact search through them.

One contiguous float32 matrix, so that a search is a single matrix-vector product and memory is the templates'
own. Templates are biometric data: they leave this module only as scores. Safe to change while another thread
searches.
"""

import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.types.faces import Embedding
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template
from edge.types.verdicts import Match

_STEP_ROWS = 512
_TIE = np.float32(1e-6)  # BLAS rounds by a row's position; scores this near count as equal
NOBODY = Match(person_id=None, score=-1.0, runner_up=-1.0)


class Gallery:
    """Templates of one chain, searched exactly.

    A lock is held for each search and each change: both are short (0.1 ms a thousand templates), and no search
    ever sees half a change. Rows are kept dense: the last one moves into a hole.

    Args:
        model_hash: The only chain whose templates are taken.
        dim: Length of its embeddings.
        capacity: Rows to make room for at once.
    """

    def __init__(self, *, model_hash: ModelHash, dim: int, capacity: int = _STEP_ROWS) -> None:
        self._model_hash = model_hash
        self._dim = dim
        self._lock = threading.Lock()
        self._matrix: NDArray[np.float32] = np.zeros((max(1, capacity), dim), np.float32)
        self._scores: NDArray[np.float32] = np.zeros(max(1, capacity), np.float32)
        self._template_at: list[TemplateId] = []  # by row
        self._person_at: list[PersonId] = []
        self._row_of: dict[TemplateId, int] = {}
        self._of_person: dict[PersonId, tuple[TemplateId, ...]] = {}

    @property
    def model_hash(self) -> ModelHash:
        """The chain that the templates belong to."""
        return self._model_hash

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def people(self) -> int:
        """How many people have a template here."""
        return len(self._of_person)

    @property
    def memory_bytes(self) -> int:
        """Memory of the matrix with its spare rows."""
        return int(self._matrix.nbytes)

    def __len__(self) -> int:
        return len(self._template_at)

    def __contains__(self, person_id: PersonId) -> bool:
        return person_id in self._of_person

    def reserve(self, rows: int) -> None:
        """Make room for as many templates at once; more may come."""
        with self._lock:
            self._grow(rows)

    def add(self, templates: Iterable[Template]) -> None:
        """Add templates; one that is already there by its id is replaced. All or none.

        Raises:
            ModelError: A template is of another chain or length, not finite, or not L2-normalised.
        """
        batch = [self._checked(template) for template in templates]
        with self._lock:
            self._grow(len(self._template_at) + len(batch))
            for template in batch:
                self._drop(template.template_id)
                self._append(template)

    def replace(self, person_id: PersonId, templates: Iterable[Template]) -> None:
        """Give a person exactly these templates, in one step.

        Raises:
            ModelError: As for `add`, or a template is another person's.
        """
        batch = [self._checked(template) for template in templates]
        if any(template.person_id != person_id for template in batch):
            raise ModelError("a template of another person cannot replace this person's")
        with self._lock:
            for template_id in self._of_person.get(person_id, ()):
                self._drop(template_id)
            self._grow(len(self._template_at) + len(batch))
            for template in batch:
                self._drop(template.template_id)
                self._append(template)

    def remove(self, person_id: PersonId) -> int:
        """Take a person out and overwrite the templates; returns how many there were."""
        with self._lock:
            gone = self._of_person.get(person_id, ())
            for template_id in gone:
                self._drop(template_id)
            return len(gone)

    def search(self, probe: Embedding) -> Match:
        """Compare a probe, (dim,) float32 L2-normalised, with every template, exactly.

        Returns:
            The nearest person, and the best score of any other person. Of people with equal scores the one
            with the smaller id is first, whatever the order of enrolment.
        """
        ranked = self.nearest(probe, limit=2)
        if not ranked:
            return NOBODY
        runner_up = ranked[1][1] if len(ranked) > 1 else -1.0
        return Match(person_id=ranked[0][0], score=ranked[0][1], runner_up=runner_up)

    def nearest(self, probe: Embedding, *, limit: int) -> list[tuple[PersonId, float]]:
        """The `limit` nearest people, each with the best score of their templates, best first."""
        found: list[tuple[PersonId, float]] = []
        with self._lock:
            count = len(self._template_at)
            scores = np.dot(self._matrix[:count], self._probe(probe), out=self._scores[:count])
            while count and len(found) < limit:
                best = scores[scores.argmax()]  # twice as fast as max() of a thousand
                if best == -np.inf:
                    break
                tied = (scores >= best - _TIE).nonzero()[0]
                person = min(self._person_at[row] for row in tied)
                found.append((person, min(1.0, max(-1.0, float(best)))))
                for template_id in self._of_person[person]:
                    scores[self._row_of[template_id]] = -np.inf
        return found

    def score_of(self, person_id: PersonId, probe: Embedding) -> float | None:
        """The probe's best score with one person's templates; None for a person without any."""
        with self._lock:
            rows = [self._row_of[template_id] for template_id in self._of_person.get(person_id, ())]
            return float((self._matrix[rows] @ self._probe(probe)).max()) if rows else None

    def clear(self) -> None:
        """Overwrite and drop everything."""
        with self._lock:
            self._matrix[:] = 0
            self._template_at.clear()
            self._person_at.clear()
            self._row_of.clear()
            self._of_person.clear()

    def _probe(self, probe: Embedding) -> Embedding:
        if probe.shape != (self._dim,) or probe.dtype != np.float32:
            raise ModelError(
                f"the probe is {probe.shape} {probe.dtype}, the gallery holds ({self._dim},) float32"
            )
        return probe

    def _checked(self, template: Template) -> Template:
        if template.model_hash != self._model_hash:
            raise ModelError("a template of another recognition chain does not belong into this gallery")
        vector = self._probe(template.vector)
        length = float(np.sqrt(vector @ vector))
        if not abs(length - 1) < 1e-3:  # catches NaN too
            raise ModelError("a template is not L2-normalised: it is damaged or of another kind")
        return template

    def _grow(self, rows: int) -> None:
        """Make room in place: realloc moves the pages of a large block, so there is never a second copy.

        No view of the matrix outlives a locked section, which is what makes refcheck=False sound.
        """
        have = self._matrix.shape[0]
        if rows <= have:
            return
        want = max(rows, have + max(_STEP_ROWS, have // 16))
        self._matrix.resize((want, self._dim), refcheck=False)
        self._scores = np.zeros(want, np.float32)

    def _append(self, template: Template) -> None:
        row = len(self._template_at)
        self._matrix[row] = template.vector
        self._template_at.append(template.template_id)
        self._person_at.append(template.person_id)
        self._row_of[template.template_id] = row
        known = self._of_person.get(template.person_id, ())
        self._of_person[template.person_id] = (*known, template.template_id)

    def _drop(self, template_id: TemplateId) -> None:
        row = self._row_of.pop(template_id, None)
        if row is None:
            return
        person_id = self._person_at[row]
        left = tuple(one for one in self._of_person[person_id] if one != template_id)
        if left:
            self._of_person[person_id] = left
        else:
            del self._of_person[person_id]
        last = len(self._template_at) - 1
        if row != last:
            self._matrix[row] = self._matrix[last]
            self._template_at[row], self._person_at[row] = self._template_at[last], self._person_at[last]
            self._row_of[self._template_at[row]] = row
        self._matrix[last] = 0  # a removed person's template does not stay in memory
        self._template_at.pop()
        self._person_at.pop()
