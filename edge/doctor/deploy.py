"""The deployment checklist: what a kiosk on a wall must have, beyond what it needs to work.

`clockface doctor --deploy` runs it after the other checks, some of whose warnings count as failures here
(`MUST`). Given the root of the file system and a way to run systemctl, it looks nowhere else, changes nothing.
"""

import grp
import pwd
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from edge.board import read
from edge.config.tree import Config
from edge.doctor.findings import Answer, Check, Finding, Health, fail, not_available, ok

# Checks of `clockface doctor` whose warning, or lack of an answer, is a failure on a wall.
MUST: Final = frozenset(
    {
        "daemon",
        "recognition",
        "sockets",
        "sockets.staff",
        "sockets.screen",
        "sockets.sync",
        "liveness",
        "keys",
        "ledger",
        "certificate",
        "backup",
        "site_key",
        "disk.mount",
        "clock.trust",
        "clock.zone",
        "swap",
    }
)
# What each unit must run with; the numbers are `systemd-analyze security`'s, 0 to 10, as measured on our units.
UNITS: Final[Mapping[str, float]] = {
    "clockface-edge.service": 1.5,
    "clockface-sync.service": 2.0,
    "clockface-screen.service": 2.0,
    "clockface-kiosk.service": 2.5,
}
HARDENING: Final[Mapping[str, str]] = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "LimitCORE": "0",
    "MemorySwapMax": "0",
}
NO_WRITABLE_CODE: Final[Mapping[str, str]] = {"MemoryDenyWriteExecute": "yes"}
MORE: Final[Mapping[str, Mapping[str, str]]] = {
    "clockface-edge.service": {"PrivateNetwork": "yes", **NO_WRITABLE_CODE},
    "clockface-sync.service": NO_WRITABLE_CODE,
    "clockface-screen.service": NO_WRITABLE_CODE,  # the browser compiles as it goes
}
SSH_PORT: Final = 22
Run = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checklist looks at.

    Args:
        config: The configuration.
        config_path: Its file, if one was read.
        sync_file: The courier's.
        tls: The courier's folder of key and certificates.
        daemon_pid: The running daemon's, or None.
        run: Runs a command of fixed words; None where it is not there or fails.
        root: Where /proc and /etc are.
    """

    config: Config
    config_path: Path | None
    sync_file: Path
    tls: Path
    daemon_pid: int | None
    run: Run
    root: Path = Path("/")


def deploy_checks(machine: Machine) -> tuple[Check, ...]:
    """The checklist, in the order in which one would mend it."""
    units = (
        Check(f"deploy.{unit.split('-')[1].split('.')[0]}_unit", partial(check_unit, unit, most, machine.run))
        for unit, most in UNITS.items()
    )
    return (
        *units,
        Check("deploy.account", lambda: check_account(machine.daemon_pid, root=machine.root)),
        Check("deploy.core_dumps", lambda: check_core_dumps(machine.daemon_pid, root=machine.root)),
        Check("deploy.files", lambda: check_files(machine)),
        Check("deploy.environment", lambda: check_environment(machine.config)),
        Check("deploy.tls", lambda: check_tls(machine.tls)),
        Check("deploy.retention", lambda: check_timer("clockface-retention.timer", machine.run)),
        Check("deploy.roles", lambda: check_roles(machine.config)),
        Check("deploy.ports", lambda: check_ports(machine.root)),
        Check("deploy.ssh", lambda: check_ssh(machine.root)),
        Check("deploy.releases", lambda: check_releases(machine.config.update.release_key, machine.run)),
        Check("deploy.updates", lambda: check_updates(machine.root)),
    )


def as_deployed(answer: Answer) -> Answer:
    """An answer as it counts on a wall: what must be, and is not shown to be, has failed."""
    finding = answer.finding
    if answer.name not in MUST or finding.health not in (Health.WARN, Health.NOT_AVAILABLE):
        return answer
    advice = finding.advice or "look with the daemon running, as root: sudo clockface doctor --deploy"
    if answer.name == "certificate" and finding.health is Health.NOT_AVAILABLE:
        advice = "clockface provision"
    return Answer(answer.name, fail(finding.found, advice))


def check_unit(unit: str, most: float, run: Run) -> Finding:
    """A unit is active, starts at boot, and has the hardening that it is shipped with."""
    wanted = {**HARDENING, **MORE.get(unit, {})}
    names = ["LoadState", "ActiveState", "UnitFileState", *wanted]
    shown = run(["systemctl", "show", unit, f"--property={','.join(names)}"])
    install = (
        f"sudo scripts/install (or apt install ./clockface_*.deb), then sudo systemctl enable --now {unit}"
    )
    if shown is None:
        return fail("systemd does not answer: nothing shows that the process is shut in", install)
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if found.get("LoadState") != "loaded":
        return fail("the unit is not installed", install)
    if found.get("ActiveState") != "active":
        return fail(f"the unit is {found.get('ActiveState') or 'not active'}", f"journalctl -u {unit} -n 50")
    if found.get("UnitFileState") not in ("enabled", "static"):
        return fail("the unit does not start with the machine", f"sudo systemctl enable {unit}")
    weak = [name for name, value in wanted.items() if found.get(name) != value]
    if weak:
        return fail(f"the unit lacks {', '.join(weak)}", f"systemctl cat {unit}; {install}")
    return _exposed(unit, most, run)


def _exposed(unit: str, most: float, run: Run) -> Finding:
    analysed = run(["systemd-analyze", "security", "--no-pager", unit])
    score = re.search(r"exposure level for \S+: ([0-9.]+)", analysed or "")
    if score is None:
        return ok("active, enabled, hardened (systemd-analyze does not say how exposed it is)")
    exposure = float(score[1])
    if exposure > most:
        return fail(f"exposure {exposure:g}, more than {most:g}", f"systemd-analyze security {unit}")
    return ok(f"active, enabled, hardened; exposure {exposure:g} of 10")


def check_timer(timer: str, run: Run) -> Finding:
    """A daily unit runs by itself."""
    install = f"sudo systemctl enable --now {timer} (docs/appliance.md)"
    shown = run(["systemctl", "show", timer, "--property=LoadState,ActiveState,UnitFileState"])
    found = dict(line.split("=", 1) for line in (shown or "").splitlines() if "=" in line)
    if (found.get("ActiveState"), found.get("UnitFileState")) != ("active", "enabled"):
        return fail(f"{timer} does not run", install)
    return ok(f"{timer} runs")


def check_account(pid: int | None, *, root: Path) -> Finding:
    """The daemon does not run as root."""
    status = None if pid is None else read(root / f"proc/{pid}/status")
    found = re.search(r"^Uid:\s+\d+\s+(\d+)", status or "", flags=re.MULTILINE)
    if found is None:
        return fail("the running daemon cannot be looked at", "systemctl start clockface-edge, then again")
    if found[1] == "0":
        return fail(
            "the daemon runs as root: nothing holds it back",
            "run it by its unit, as the account clockface: systemctl restart clockface-edge",
        )
    return ok(f"the daemon runs as uid {found[1]}")


def check_core_dumps(pid: int | None, *, root: Path) -> Finding:
    """The daemon's memory, with keys and templates in it, goes into no file when it crashes."""
    limits = None if pid is None else read(root / f"proc/{pid}/limits")
    found = re.search(r"^Max core file size\s+(\S+)", limits or "", flags=re.MULTILINE)
    if found is None:
        return fail("the running daemon cannot be looked at", "systemctl start clockface-edge, then again")
    if found[1] != "0":
        return fail(f"a crash may write {found[1]} bytes of memory", "systemctl restart clockface-edge")
    return ok("none: the limit is 0")


def check_files(machine: Machine) -> Finding:
    """Nobody but their owners can write the configuration, or look into state and keys."""
    state = machine.config.paths.state
    wanted = [(path, 0o022) for path in (machine.config_path, machine.sync_file) if path is not None]
    wanted += [(state, 0o077), (state / "keys", 0o077)]
    for path, closed in wanted:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        except PermissionError:
            return fail(f"{path} cannot be looked at by this account", "sudo clockface doctor --deploy")
        if stat.S_IMODE(status.st_mode) & closed:
            return fail(
                f"{path} has mode {stat.S_IMODE(status.st_mode):04o}",
                f"sudo chmod go-{_letters(closed)} {path}",
            )
    return ok("configuration, state and keys are closed to other accounts")


def _letters(closed: int) -> str:
    return "w" if closed == 0o022 else "rwx"


def check_environment(config: Config) -> Finding:
    """Keys are not taken from the environment, which other processes of the account can read."""
    if config.keys.allow_environment:
        return fail("keys.allow_environment is set: it is for development", "remove it from the configuration")
    return ok("keys do not come from the environment")


def check_tls(tls: Path) -> Finding:
    """The courier's key is there and closed, and it knows which authorities to believe."""
    for name, closed in (("device.key", 0o077), ("device.crt", 0o022), ("ca.crt", 0o022)):
        path = tls / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            return fail(f"{path} is not there", "clockface provision")
        except PermissionError:
            return fail(f"{tls} cannot be looked at by this account", "sudo clockface doctor --deploy")
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & closed:
            return fail(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}", f"sudo chmod 0400 {path}")
    return ok(f"{tls}: key closed, certificate and authorities there; the code knows no way without TLS")


def check_roles(config: Config) -> Finding:
    """Staff are named accounts in a group, with somebody who may do everything without being root."""
    group = config.api.staff_group
    if not group:
        return fail(
            "no group may use the staff socket: staff would have to be root",
            "groupadd --system clockface-staff, and api.staff_group (docs/staff.md)",
        )
    try:
        members = set(grp.getgrnam(group).gr_mem)
    except KeyError:
        return fail(f"the group {group} does not exist", f"sudo groupadd --system {group}")
    if not config.staff.administrators:
        return fail("nobody is an administrator but root", "staff.administrators (docs/staff.md)")
    named = (*config.staff.administrators, *config.staff.operators)
    strangers = [account for account in named if account not in members and _primary(account) != group]
    if strangers:
        return fail(
            f"{len(strangers)} named accounts are not in the group {group}", f"usermod -a -G {group} ACCOUNT"
        )
    return ok(f"{len(config.staff.administrators)} administrators, {len(config.staff.operators)} operators")


def _primary(account: str) -> str | None:
    try:
        return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name
    except KeyError:
        return None


def check_ports(root: Path) -> Finding:
    """Nothing listens to the network but SSH: a kiosk only calls out."""
    ports = sorted(
        {port for name in ("tcp", "tcp6") for port in _listening(read(root / f"proc/net/{name}") or "")}
    )
    others = [port for port in ports if port != SSH_PORT]
    if others:
        listed = ", ".join(map(str, others[:8]))
        return fail(f"TCP ports are open to the network: {listed}", "sudo ss -ltnp; stop what listens there")
    return ok("only SSH listens" if ports else "nothing listens")


def _listening(table: str) -> list[int]:
    found = []
    for line in table.splitlines()[1:]:
        parts = line.split()
        if len(parts) > 3 and parts[3] == "0A":
            address, _, port = parts[1].rpartition(":")
            if not address.endswith("0100007F") and address != "0" * 24 + "01000000":
                found.append(int(port, 16))
    return found


def check_ssh(root: Path) -> Finding:
    """SSH takes keys, not passwords."""
    files = [root / "etc/ssh/sshd_config", *sorted((root / "etc/ssh/sshd_config.d").glob("*.conf"))]
    texts = [text for path in files if (text := read(path)) is not None]
    if not texts:
        return ok("no SSH server is configured")
    said = re.findall(
        r"^\s*PasswordAuthentication\s+(\w+)", "\n".join(reversed(texts)), flags=re.MULTILINE | re.I
    )
    if not said or said[0].lower() != "no":
        return fail(
            "SSH takes passwords",
            "echo 'PasswordAuthentication no' | sudo tee /etc/ssh/sshd_config.d/10-clockface.conf; "
            "sudo systemctl reload ssh",
        )
    return ok("SSH takes keys only")


def check_releases(key: Path, run: Run) -> Finding:
    """Releases are installed by themselves, and only those that the release key has signed."""
    try:
        mode = stat.S_IMODE(key.lstat().st_mode)
    except OSError:
        return fail(f"{key} is not there: no release is believed", "docs/appliance.md#updates")
    if mode & 0o022:
        return fail(f"{key} has mode {mode:04o}: others could sign releases", f"sudo chmod 0444 {key}")
    timer = check_timer("clockface-update.timer", run)
    if timer.health is not Health.OK:
        return fail("signed releases are not looked for", timer.advice)
    return ok(f"looked for by themselves, and believed by {key} alone")


def check_updates(root: Path) -> Finding:
    """The operating system takes its security updates by itself."""
    folder = root / "etc/apt/apt.conf.d"
    if not folder.is_dir():
        return not_available("not available here: no apt")
    text = "\n".join(read(path) or "" for path in sorted(folder.iterdir()) if path.is_file())
    said = re.findall(r'^\s*APT::Periodic::Unattended-Upgrade\s+"(\w+)"', text, flags=re.MULTILINE)
    if not said or said[-1] in ("0", "false"):
        return fail(
            "the system's security updates are not installed by themselves",
            "sudo apt-get install unattended-upgrades && sudo dpkg-reconfigure -plow unattended-upgrades",
        )
    return ok("unattended-upgrades is on")
