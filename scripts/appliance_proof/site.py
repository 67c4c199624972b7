"""The machine, its office, and what the steps ask of both again and again."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from demo_office import Office

from scripts.appliance_proof.machine import SHARED, Machine, ProofFailed
from scripts.appliance_proof.prepare import CACHE, ROOT, package

EDGE, SYNC, SCREEN = "clockface-edge.service", "clockface-sync.service", "clockface-screen.service"
DELIVERY_S = 30.0
ANSWERS = """\
[device]
site = "demo"
name = "front-door"
timezone = "Europe/Madrid"
place = "the proof"

[camera]
source = "replay"
replay_path = "/var/lib/clockface/walk.avi"
replay_loop = true

[api]
staff_group = "clockface-staff"
screen_group = "clockface-screen"
sync_group = "clockface-sync"

[attendance]
repeat_s = 5.0
sole_kiosk = true

[office]
request = "{shared}/request.json"
bundle = "{shared}/bundle.json"

[check]
face_within_s = 0
"""


def sign_release(*arguments: str, passphrase: Path) -> None:
    """Run scripts/sign-release."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.sign_release", *arguments], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"RELEASE_PASSPHRASE_FILE": str(passphrase)}, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ProofFailed(f"sign-release failed: {done.stderr}")


@dataclass
class Site:
    """What the steps walk on.

    Args:
        kiosk: The machine.
        office: The demo's office.
        suite: Which Debian.
    """

    kiosk: Machine
    office: Office
    suite: str
    notes: dict[str, float] = field(default_factory=dict)

    def give(self, *files: Path) -> None:
        """Put files into the shared folder."""
        for file in files:
            shutil.copy(file, self.kiosk.shared / file.name)

    def give_package(self, version: str) -> str:
        """Put a package there; its path in the machine."""
        made = package(self.suite, version)
        self.give(made)
        return str(SHARED / made.name)

    def stage(self, version: str, *, key: str = "release") -> None:
        """Put a signed release into the incoming folder, its document last, as staff would from a stick."""
        out = self.kiosk.root.parent / f"release-{version}-{key}"
        secret, phrase = self._release_key(key)
        sign_release(
            "--key", str(secret), "--version", version, "--out", str(out), str(package(self.suite, version)),
            passphrase=phrase,
        )  # fmt: skip
        incoming = self.kiosk.root / "var/lib/clockface-update/incoming"
        for file in sorted(out.iterdir(), key=lambda each: each.name == "release.json"):
            shutil.copyfile(file, incoming / file.name)

    def believe(self) -> None:
        """Give the kiosk the release key's public half."""
        secret, _ = self._release_key("release")
        shutil.copyfile(f"{secret}.pub", self.kiosk.root / "etc/clockface/release.pub")

    def _release_key(self, name: str) -> tuple[Path, Path]:
        secret, phrase = (self.kiosk.root.parent / f"{name}{end}" for end in (".key", ".phrase"))
        if not secret.exists():
            phrase.touch(mode=0o600)
            phrase.write_text(secrets.token_urlsafe(24), encoding="ascii")
            sign_release("--new-key", str(secret), passphrase=phrase)
        return secret, phrase

    def update_result(self) -> str:
        """How the last update ended."""
        return str(json.loads(self.kiosk.do("clockface", "update", "status", "--json")).get("outcome", ""))

    def installed(self) -> str:
        """The version that dpkg knows, without the part that names Python."""
        return self.kiosk.ask("dpkg-query", "-W", "-f", "${Version}", "clockface").partition("+")[0]

    def provision(self) -> None:
        """From an answers file to a test event that the office confirmed, by staff's own commands."""
        kiosk = self.kiosk
        (kiosk.shared / "answers.toml").write_text(ANSWERS.format(shared=SHARED), encoding="utf-8")
        shutil.copy(CACHE / "recordings" / "morning.avi", kiosk.disk / "walk.avi")
        self.give(CACHE / "recordings" / "man.jpg", ROOT / "scripts/appliance_proof/probe.py")
        kiosk.do("clockface", "provision", "--answers", str(SHARED / "answers.toml"), codes=(75,))
        request = kiosk.shared / "request.json"
        told = kiosk.do("clockface", "provision", codes=(75,))
        found = re.search(r"This device's fingerprint: ([0-9a-f ]{32,})", told)
        fingerprint = found[1].replace(" ", "") if found else self._fingerprint()
        offices = self.office.make_known(request, kiosk.shared / "bundle.json", fingerprint)
        # 100: provisioned, with remarks of the doctor's, such as a clock that nobody vouches for here.
        kiosk.do("clockface", "provision", "--office-fingerprint", offices, codes=(0, 100), timeout_s=240)
        kiosk.do("systemctl", "enable", "--now", "clockface.target")  # the version before did not know it

    def _fingerprint(self) -> str:
        out = self.kiosk.do(
            "clockface", "provision", "request", "--out", str(SHARED / "request.json"), "--json"
        )
        return str(json.loads(out)["fingerprint"])

    def ready(self, *, within_s: float = 60.0) -> float:
        """Wait until edge and sync say READY and edge answers."""
        return self.kiosk.until(
            lambda: self.kiosk.active(EDGE) and self.kiosk.active(SYNC) and self.kiosk.status() is not None,
            "edge and sync are ready and answer",
            within_s=within_s,
        )

    def verified(self) -> str:
        """`clockface ledger verify`, which must agree."""
        return self.kiosk.do("clockface", "ledger", "verify").strip().splitlines()[-1]

    def next_record(self, *, within_s: float = 40.0) -> tuple[str, int]:
        """Wait for the next walk-up to be recorded; its (epoch, seq)."""
        before = {(each["epoch"], each["seq"]) for each in self.kiosk.punches()}
        new: list[tuple[str, int]] = []

        def come() -> bool:
            new[:] = [
                key for each in self.kiosk.punches() if (key := (each["epoch"], each["seq"])) not in before
            ]
            return bool(new)

        self.kiosk.until(come, "somebody who walks up is recorded", within_s=within_s, every_s=0.5)
        return new[0]

    def delivered(self, *, within_s: float = DELIVERY_S) -> str:
        """Wait until the office has every record of the ledger, once."""
        mine = {(each["epoch"], each["seq"]) for each in self.kiosk.punches()}
        self.kiosk.until(
            lambda: mine <= self.office.received().keys(), "the office has every record", within_s=within_s
        )
        strange = self.office.received().keys() - {(e["epoch"], e["seq"]) for e in self.kiosk.punches()}
        if strange:
            raise ProofFailed(f"the office has records that the ledger has not: {sorted(strange)}")
        return f"{len(mine)} records, all at the office"
