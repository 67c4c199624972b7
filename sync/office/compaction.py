"""Which of a site's roster changes a device still needs: what a later change supersedes is left out.

Pure. Contents are filled in at signing, from what is true then; so a change that is kept says what, where in
the order, and about whom. Versions are never renumbered: a device passes over those that it has.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a change does; as `sync.wire.roster` calls it."""

    PUT_PERSON = "put_person"
    PUT_TEMPLATE = "put_template"
    REMOVE_TEMPLATE = "remove_template"
    REMOVE_TEMPLATES = "remove_templates"
    REMOVE_PERSON = "remove_person"


@dataclass(frozen=True, slots=True)
class Step:
    """A numbered change of a site's roster.

    Args:
        template: Of a template's change only.
    """

    version: int
    kind: Kind
    person: str
    template: str | None = None


def compact(steps: Iterable[Step]) -> list[Step]:
    """Leave out what is superseded; whoever applies the rest ends where whoever applied all of it ends.

    Removals stay whatever came before them, because each device answers one with its receipt, and because a
    device may know a person of its own accord.
    """
    kept: dict[str, list[Step]] = defaultdict(list)
    for step in sorted(steps, key=lambda each: each.version):
        kept[step.person] = [each for each in kept[step.person] if not _supersedes(step, each)] + [step]
    needed = [step for of_person in kept.values() for step in _without_middle_puts(of_person)]
    return sorted(needed, key=lambda each: each.version)


def _supersedes(later: Step, earlier: Step) -> bool:
    match later.kind:
        case Kind.REMOVE_PERSON:
            return True
        case Kind.REMOVE_TEMPLATES:
            return earlier.kind in (Kind.PUT_TEMPLATE, Kind.REMOVE_TEMPLATE, Kind.REMOVE_TEMPLATES)
        case Kind.PUT_TEMPLATE | Kind.REMOVE_TEMPLATE:
            of_template = earlier.kind in (Kind.PUT_TEMPLATE, Kind.REMOVE_TEMPLATE)
            return of_template and earlier.template == later.template
        case Kind.PUT_PERSON:
            return False


def _without_middle_puts(steps: list[Step]) -> list[Step]:
    """Keep the last details, and the first since consent was given where a template follows them.

    Devices take no template of people who are unknown, or whose consent ended with all their templates.
    """
    puts = [step for step in steps if step.kind is Kind.PUT_PERSON]
    if len(puts) < 2:
        return steps
    last = puts[-1]
    ended = max((step.version for step in steps if step.kind is Kind.REMOVE_TEMPLATES), default=0)
    first = next((put for put in puts if put.version > ended), last)
    between = any(
        step.kind is Kind.PUT_TEMPLATE and first.version < step.version < last.version for step in steps
    )
    wanted = {last} | ({first} if between else set())
    return [step for step in steps if step.kind is not Kind.PUT_PERSON or step in wanted]
