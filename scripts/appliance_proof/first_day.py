"""What a technician sees first: install, provision, a walk-up, what no process may do; a function a row."""

import json
import re
import shutil
import time
from typing import Final

from scripts.appliance_proof.machine import SHARED, ProofFailed
from scripts.appliance_proof.prepare import OLD, ROOT
from scripts.appliance_proof.site import EDGE, SCREEN, SYNC, Site

PROBE_UNIT: Final = "clockface-probe.service"
REACHED: Final = {"ENXIO", "ENODEV", "EPERM"}  # EPERM: the container's own device rules
MOST_S: Final = 300.0  # from an empty Debian to a confirmed test event


def boot(site: Site) -> str:
    """An empty Debian."""
    return f"systemd answers after {site.kiosk.boot():.1f} s"


def install(site: Site) -> str:
    """One command, and nothing runs yet."""
    made = site.give_package(OLD)
    site.give(ROOT / "scripts/install")
    began = time.monotonic()
    said = site.kiosk.do("sh", str(SHARED / "install"), made, timeout_s=300).strip().splitlines()
    site.notes["install"] = time.monotonic() - began
    if "clockface provision" not in said[-1]:
        raise ProofFailed(f"it does not say the next command: {said[-1]}")
    running = site.kiosk.ask(
        "systemctl", "list-units", "--state=active", "--plain", "--no-legend", "clockface*"
    )
    if running.strip():
        raise ProofFailed(f"runs before it was provisioned: {running}")
    return f"installed in {site.notes['install']:.0f} s; {said[-1]}"


def provision(site: Site) -> str:
    """To a confirmed test event."""
    began = time.monotonic()
    site.provision()
    took = time.monotonic() - began
    total = took + site.notes.get("install", 0.0)
    if total > MOST_S:
        raise ProofFailed(f"{total:.0f} s are more than five minutes")
    return f"test event at the office; {total:.0f} s from the empty Debian"


def order(site: Site) -> str:
    """READY in the right order."""
    when = {}
    for unit in (EDGE, SYNC, SCREEN):
        if not site.kiosk.active(unit):
            raise ProofFailed(
                f"{unit} is {site.kiosk.show(unit, 'ActiveState')}: {site.kiosk.show(unit, 'Result')}"
            )
        when[unit] = int(site.kiosk.show(unit, "ActiveEnterTimestampMonotonic"))
    began = int(site.kiosk.show(EDGE, "ExecMainStartTimestampMonotonic"))
    if when[EDGE] != min(when.values()):
        raise ProofFailed(f"edge was not the first to be ready: {when}")
    after = ", ".join(f"{unit[10:-8]} +{(when[unit] - when[EDGE]) / 1e6:.1f} s" for unit in (SYNC, SCREEN))
    return f"edge READY after {(when[EDGE] - began) / 1e6:.1f} s, {after}"


def badges(site: Site) -> str:
    """The badge reader's child lives in edge's sandbox."""
    children = site.kiosk.ask("sh", "-c", f"cat /proc/{site.kiosk.pid(EDGE)}/task/*/children").split()
    lost = site.kiosk.ask("journalctl", "-q", "-o", "cat", "-u", EDGE, "-g", "badge_decoder_lost").strip()
    names = [site.kiosk.ask("cat", f"/proc/{child}/cmdline") for child in children]
    if lost or not any("edge.badge.decoder" in name for name in names):
        raise ProofFailed(f"no decoder runs, lost {len(lost.splitlines())} times")
    return "its process runs, and was never lost"


def walk_up(site: Site) -> str:
    """A face to the office."""
    site.kiosk.do(
        "clockface", "enroll", "--name", "Andrew Park", "--number", "1001", "--photo", str(SHARED / "man.jpg"),
        "--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en",
    )  # fmt: skip
    site.next_record()
    return site.delivered()


def _probed(site: Site, unit: str) -> dict[str, str]:
    """Run the probe in a copy of a unit: the same sandbox, another program."""
    text = (site.kiosk.root / "usr/lib/systemd/system" / unit).read_text(encoding="utf-8")
    text = re.sub(
        r"^(Exec(Start|Stop)\w*|WatchdogSec|Type|NotifyAccess|Restart|RestartSec|Timeout\w+|RuntimeDirectoryPreserve)=.*\n",
        "",
        text,
        flags=re.M,
    )
    out = f"{SHARED}/{unit}.json"
    probe = f"/usr/bin/python3 -IB {SHARED}/probe.py {site.office.port}"
    command = f"Type=oneshot\nExecStart={probe}\nStandardOutput=truncate:{out}\n"
    # Its run-time folder would be taken away from under the service that is probed.
    text = re.sub(r"^RuntimeDirectory\w*=.*\n", "", text, flags=re.M).replace(
        "[Service]\n", "[Service]\n" + command
    )
    (site.kiosk.root / "etc/systemd/system" / PROBE_UNIT).write_text(text, encoding="utf-8")
    site.kiosk.do("systemctl", "daemon-reload")
    site.kiosk.do("systemctl", "start", PROBE_UNIT)
    return dict(json.loads((site.kiosk.shared / f"{unit}.json").read_text(encoding="utf-8")))


MUST_NOT: Final = {
    EDGE: {"AF_INET socket", "AF_INET6 socket", "AF_NETLINK socket", "connect to the broker", "listen on TCP",
           "open the TLS key"},
    SYNC: {"AF_NETLINK socket", "listen on TCP", "open the camera", "open the ledger", "open a key"},
    SCREEN: {"AF_INET6 socket", "AF_NETLINK socket", "connect to the broker", "open the camera",
             "open the ledger", "open a key", "open the TLS key"},
}  # fmt: skip
NOBODY: Final = {
    "write to /usr",
    "write to /etc",
    "run a program of /var",
    "make a set-uid file",
    "look into /root",
}
MUST: Final = {
    EDGE: {"AF_UNIX socket", "open the ledger", "open a key"},
    SYNC: {"AF_INET socket", "connect to the broker", "open the TLS key"},
    SCREEN: {"AF_INET socket", "listen on TCP"},
}


def sandboxes(site: Site) -> str:
    """What each process cannot do; and that the same attempts work without a sandbox."""
    kiosk = site.kiosk
    # A camera's node, made from outside: the container may not. There is no driver behind it.
    kiosk.do("sh", "-c", "[ -e /dev/video0 ] || mknod -m 666 /dev/video0 c 81 0")
    shutil.copy(kiosk.root / "usr/bin/true", kiosk.shared / "true")
    free = dict(json.loads(kiosk.do("python3", "-IB", str(SHARED / "probe.py"), str(site.office.port))))
    blocked = {n: e for n, e in free.items() if e and not (n == "open the camera" and e in REACHED)}
    if blocked:
        raise ProofFailed(f"without a sandbox it must all work: {blocked}")
    problems = []
    for unit, forbidden in MUST_NOT.items():
        got = _probed(site, unit)
        problems += [f"{unit} could {name}" for name in sorted(forbidden | NOBODY) if not got[name]]
        problems += [f"{unit} could not {name}: {got[name]}" for name in sorted(MUST[unit]) if got[name]]
    if problems:
        raise ProofFailed("; ".join(problems))
    return f"{sum(len(each | NOBODY) for each in MUST_NOT.values())} attempts refused, what each needs works"


def page(site: Site) -> str:
    """The page is in a network of its own."""
    ask = (
        "import urllib.request as u\n"
        "try:\n u.urlopen('http://127.0.0.1:8086/', timeout=3); print(200)\n"
        "except Exception as e: print(getattr(e, 'code', 0))"
    )
    outside = site.kiosk.do("python3", "-c", ask).strip()
    pid = site.kiosk.pid(SCREEN)
    inside = site.kiosk.do("nsenter", "-t", str(pid), "-n", "python3", "-c", ask).strip()
    if outside != "0" or inside == "0":
        raise ProofFailed(f"from the machine {outside}, from the screen's own network {inside}")
    return f"no answer from the machine, HTTP {inside} without its secret from its own network"
