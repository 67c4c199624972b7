"""What the proof shows, in order: name, what must be, and the function that looks."""

from collections.abc import Callable
from typing import Final

from scripts.appliance_proof import bad_days, first_day, versions
from scripts.appliance_proof.site import Site

STEPS: Final[tuple[tuple[str, str, Callable[[Site], str]], ...]] = (
    ("boot", "an empty Debian boots", first_day.boot),
    ("install", "one command installs it, and nothing runs yet", first_day.install),
    ("provision", "from an answers file to a confirmed test event in 5 minutes", first_day.provision),
    ("order", "edge is READY first, then courier and screen", first_day.order),
    ("badges", "the badge reader lives in edge's sandbox", first_day.badges),
    ("walk-up", "a face becomes a record at the office", first_day.walk_up),
    ("sandboxes", "no process can do what is not its business", first_day.sandboxes),
    ("page", "nobody but its browser reaches the page", first_day.page),
    ("killed", "kill -9 of edge and sync: back, nothing lost", bad_days.killed),
    ("stopped", "stop within 3 s, nothing lost", bad_days.stopped),
    ("full disk", "nothing confirmed without being stored; goes on by itself", bad_days.full_disk),
    ("clock jump", "a month back and two days ahead: records go on", bad_days.clock_jump),
    ("power cut", "all processes ended in mid-write: the ledger verifies", bad_days.power_cut),
    ("reboot", "everything comes by itself", bad_days.reboot),
    ("upgrade", "over the version before: data kept, ledger copied, migrated", versions.upgrade),
    ("update", "a signed release, in its hours or when told; a stranger's is refused", versions.update),
    ("rollback", "a version that does not start is taken back by itself", versions.rollback),
    ("hung", "SIGSTOP of edge and sync: the watchdog kills, both return", bad_days.hung),
    ("remove", "services and files go, the owner's data stays", versions.remove),
    ("purge", "configuration goes; keys only with a clear word", versions.purge),
)
