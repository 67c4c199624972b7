"""Versions come and go: a signed upgrade, one that is taken back, removal and purge; one function a row."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.errors import ReleaseRefused, UpdateUndone
from scripts.appliance_proof.machine import SHARED, ProofFailed
from scripts.appliance_proof.prepare import BROKEN, NEW, NEWER
from scripts.appliance_proof.site import EDGE, SCREEN, SYNC, Site

RELEASE_REFUSED: Final = ReleaseRefused.exit_code
UPDATE_UNDONE: Final = UpdateUndone.exit_code


def upgrade(site: Site) -> str:
    """Over the running version before, by the command that installed it."""
    kiosk = site.kiosk
    records, before, schema = len(kiosk.punches()), site.installed(), _schema(site)
    kiosk.do("sh", str(SHARED / "install"), site.give_package(NEW), timeout_s=300)
    site.ready()
    runs, copy = (kiosk.status() or {}).get("version"), kiosk.disk / "before-upgrade.db"
    if runs != NEW or len(kiosk.punches()) < records or not copy.is_file():
        raise ProofFailed(f"runs {runs}, {len(kiosk.punches())} of {records} records, copy {copy.is_file()}")
    site.next_record()
    return (
        f"{before} -> {NEW}, ledger {schema} -> {_schema(site)}, a copy of it taken before; {site.verified()}; "
        f"{site.delivered()}"
    )


def update(site: Site) -> str:
    """A signed release; and one that a stranger signed."""
    kiosk = site.kiosk
    site.believe()
    site.stage(NEWER, key="stranger")
    refused = kiosk.done("clockface", "update", "apply", "--now")
    if refused.returncode != RELEASE_REFUSED or site.installed() != NEW:
        raise ProofFailed(f"a stranger's release: exit code {refused.returncode}, {refused.stderr[-300:]}")
    site.stage(NEWER)
    kiosk.until(lambda: site.update_result() != "", "the path unit looks at it", within_s=90, every_s=2)
    waits = site.update_result()
    if waits not in {"outside_hours", "somebody_there"}:
        raise ProofFailed(f"it did not wait for its hours: {waits}")
    began = time.monotonic()
    kiosk.do("clockface", "update", "apply", "--now", timeout_s=600)
    took = time.monotonic() - began
    site.ready()
    if (kiosk.status() or {}).get("version") != NEWER or site.update_result() != "installed":
        raise ProofFailed(f"runs {(kiosk.status() or {}).get('version')}, result {site.update_result()}")
    site.next_record()
    all_there = site.delivered()
    return f"a stranger's refused; {waits} by itself; {NEW} -> {NEWER} in {took:.0f} s when told; {all_there}"


def rollback(site: Site) -> str:
    """A version that does not start."""
    kiosk = site.kiosk
    records = len(kiosk.punches())
    settings = kiosk.root / "etc/clockface/clockface.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\n[update]\nhealthy_within_s = 20.0\n", encoding="utf-8")
    began = time.monotonic()
    site.stage(BROKEN)
    undone = kiosk.done("clockface", "update", "apply", "--now", timeout_s=400)
    took = time.monotonic() - began
    settings.write_text(text, encoding="utf-8")
    site.ready()
    runs = (kiosk.status() or {}).get("version")
    if (undone.returncode, site.installed(), runs) != (UPDATE_UNDONE, NEWER, NEWER) or len(
        kiosk.punches()
    ) < records:
        told = undone.stderr[-300:]
        raise ProofFailed(f"exit code {undone.returncode}, installed {site.installed()}, runs {runs}: {told}")
    site.next_record()
    return f"{NEWER} runs again {took:.0f} s after {BROKEN} was begun; {site.verified()}; {site.delivered()}"


def _schema(site: Site) -> int:
    """The ledger's version, out of the file's header: edge holds it alone."""
    return int.from_bytes((site.kiosk.disk / "ledger.db").read_bytes()[60:64], "big")


def remove(site: Site) -> str:
    """Dpkg --remove keeps what is the owner's."""
    kiosk = site.kiosk
    kiosk.do("dpkg", "--remove", "clockface")
    gone = [unit for unit in (EDGE, SYNC, SCREEN) if kiosk.active(unit)]
    left = (kiosk.root / "usr/lib/clockface").exists()
    stays = (
        all((kiosk.disk / name).exists() for name in ("ledger.db", "keys"))
        and (kiosk.root / "etc/clockface/clockface.toml").exists()
    )
    if gone or left or not stays:
        raise ProofFailed(f"running: {gone}; files left: {left}; configuration, keys and ledger stay: {stays}")
    return "services stopped, files gone; configuration, keys and ledger stay"


def purge(site: Site) -> str:
    """Keys go only with the word."""
    kiosk = site.kiosk
    said = kiosk.done("dpkg", "--purge", "clockface")
    if not (kiosk.disk / "keys").exists() or (kiosk.root / "etc/clockface").exists():
        raise ProofFailed("purge took the keys, or left the configuration")
    if "CLOCKFACE_PURGE" not in said.stdout + said.stderr:
        raise ProofFailed("purge does not say how keys are destroyed")
    kiosk.do(
        "sh",
        str(SHARED / "install"),
        str(SHARED / next(each.name for each in kiosk.shared.glob("*.deb"))),
        timeout_s=300,
    )
    kiosk.done("dpkg", "--purge", "clockface", CLOCKFACE_PURGE="destroy-keys-and-ledger")
    with suppress(FileNotFoundError):
        left = [each.name for each in Path(kiosk.disk).iterdir()]
        if left:
            raise ProofFailed(f"left after the word: {left}")
    return "keys and ledger outlive a purge, and go with the word"
