"""When a crowd is worth a word: several people who stay, said once until they have parted."""


class Crowd:
    """Says once that several people stand there for `settle_s`; again only after they parted."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since_s: float | None = None
        self._parted_s: float | None = None
        self._said = False

    def stands(self, crowded: bool, at_s: float) -> bool:  # noqa: FBT001 - the one thing that it is told
        """Take one frame into account; True for the frame that is worth a verdict."""
        if crowded:
            self._parted_s = None
            self._since_s = at_s if self._since_s is None else self._since_s
            if not self._said and at_s - self._since_s >= self._settle_s:
                self._said = True
                return True
            return False
        self._parted_s = at_s if self._parted_s is None else self._parted_s
        if at_s - self._parted_s >= self._settle_s:
            self._since_s, self._said = None, False
        return False
