"""Runs in the machine, in a copy of a unit with all of its sandbox: tries what that process must not do.

Prints one JSON object, name of the attempt -> "" where it worked, else the error's name. Standard library only.
"""

import errno
import json
import os
import socket
import sys
from pathlib import Path


def attempt(do):
    try:
        do()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return ""


def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=3):
        pass


def listen():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.bind(("127.0.0.1", 0))
        made.listen()


def read(path):
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    Path(path).unlink()


def run(path):
    child = os.fork()
    if child == 0:
        try:
            os.execv(path, [path])  # noqa: S606 - the attempt
        except OSError as error:
            os._exit(error.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, "exec")


def family(number, kind=socket.SOCK_STREAM):
    socket.socket(number, kind).close()


def setuid_file():
    path = Path(os.environ.get("STATE_DIRECTORY", "/tmp").split(":")[0]) / "probe-suid"  # noqa: S108
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        path.chmod(0o4700)
    finally:
        path.unlink()


port = int(sys.argv[1])
print(json.dumps({
    "AF_UNIX socket": attempt(lambda: family(socket.AF_UNIX)),
    "AF_INET socket": attempt(lambda: family(socket.AF_INET)),
    "AF_INET6 socket": attempt(lambda: family(socket.AF_INET6)),
    "AF_NETLINK socket": attempt(lambda: family(socket.AF_NETLINK, socket.SOCK_RAW)),
    "connect to the broker": attempt(lambda: connect(port)),
    "listen on TCP": attempt(listen),
    "open the camera": attempt(lambda: read("/dev/video0")),
    "open the ledger": attempt(lambda: read("/var/lib/clockface/ledger.db")),
    "open a key": attempt(lambda: read("/var/lib/clockface/keys/device_signing_key")),
    "open the TLS key": attempt(lambda: read("/etc/clockface/tls/device.key")),
    "write to /usr": attempt(lambda: write("/usr/lib/clockface/probe")),
    "write to /etc": attempt(lambda: write("/etc/clockface/probe")),
    "run a program of /var": attempt(lambda: run("/var/lib/proof/true")),
    "make a set-uid file": attempt(setuid_file),
    "look into /root": attempt(lambda: list(Path("/root").iterdir())),
}))  # fmt: skip
