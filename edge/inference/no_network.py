"""Takes the network from this process for good, before a library is loaded that would use one.

The process that sees faces has no network (SECURITY.md). On a kiosk the systemd unit sees to that, but a
library may also be loaded by a command that somebody types. The kernel then refuses every socket that is no
unix socket, to all threads and to every process that they start; nothing can lift it. Standard library only.
"""

import ctypes
import errno
import platform
import socket
import struct

_SOCKET = {"x86_64": 41, "aarch64": 198}  # the number of the system call, by machine
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_IO_URING_SETUP = 425  # on both; a ring can open sockets without the call
_X32_BIT = 0x4000_0000  # x86-64 calls under other numbers
_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _ALL_THREADS = 38, 1, 1
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # of the kernel's BPF, see seccomp(2)
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data


class NetworkNotDenied(OSError):
    """The kernel did not take the filter, or sockets still open."""


def deny_network() -> None:
    """Refuse every later socket but unix sockets; calling it again changes nothing.

    Sockets that are open already stay open.

    Raises:
        NetworkNotDenied: This kernel or machine cannot do it.
    """
    if not _has_network():
        return
    machine = platform.machine()
    if machine not in _SOCKET:
        raise NetworkNotDenied(f"no system call numbers are known for {machine}")
    program = _program(machine)
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    if libc.prctl(_SET_NO_NEW_PRIVS, *(ctypes.c_ulong(value) for value in (1, 0, 0, 0))) != 0:
        raise NetworkNotDenied(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS) failed")
    numbers = [ctypes.c_long(value) for value in (_SECCOMP[machine], _SET_MODE_FILTER, _ALL_THREADS)]
    if libc.syscall(*numbers, ctypes.c_char_p(header)) != 0:
        raise NetworkNotDenied(ctypes.get_errno(), "seccomp(SECCOMP_SET_MODE_FILTER) failed")
    if _has_network():
        raise NetworkNotDenied("the kernel took the filter, but sockets still open")


def _has_network() -> bool:
    """Whether the kernel gives this process a socket of the internet's families."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, socket.SOCK_DGRAM).close()
        except OSError as error:
            if error.errno not in {errno.EAFNOSUPPORT, errno.EACCES, errno.EPERM}:
                return True  # out of descriptors, say: no proof of anything
        else:
            return True
    return False


def _program(machine: str) -> bytes:
    """What the kernel asks before each system call: (code, if true, if false, value) a line."""
    refuse = (_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT)
    lines = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        refuse,  # 32-bit calls have numbers of their own
        (_LOAD, 0, 0, _NUMBER_AT),
        *([(_AT_LEAST, 0, 1, _X32_BIT), refuse] if machine == "x86_64" else []),
        (_EQUAL, 0, 1, _IO_URING_SETUP),
        refuse,
        (_EQUAL, 1, 0, _SOCKET[machine]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_EQUAL, 0, 1, int(socket.AF_UNIX)),
        (_RETURN, 0, 0, _ALLOW),
        refuse,
    ]
    return b"".join(struct.pack("@HBBI", *line) for line in lines)
