"""Become an embedded server: drop root, tie the process to its owner, then exec. A script on the standard library.

``python -I -S exec_as.py PLAN ARGV...`` where PLAN is the JSON of a Plan. A process of its own rather than code between
fork and exec, because the owner may have threads (a test run has) and such code could then dead-lock.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from typing import NoReturn, TypedDict

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 1, 8, 28, 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8
CAPABILITY_VERSION_3 = 0x20080522
REFUSED = 78  # exit code of everything said by refuse(), from sysexits' EX_CONFIG


class Plan(TypedDict):
    """``account`` is [uid, gid] to become, or null to stay; ``reach`` are paths that account must be able to open."""

    account: list[int] | None
    reach: list[str]
    folder: str
    owner_pid: int
    death_signal: int


def refuse(message: str) -> NoReturn:
    sys.stderr.write(f"embedded server not started: {message}\n")
    sys.stderr.flush()
    os._exit(REFUSED)


class Kernel:
    """The few Linux calls that Python does not offer; each raises OSError."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def prctl(self, option: int, first: int, second: int = 0) -> None:
        word = ctypes.c_ulong
        self._check(self._libc.prctl(option, word(first), word(second), word(0), word(0)), "prctl")

    def set_capabilities(self, mask: int) -> None:
        """Effective, permitted and inheritable become exactly ``mask`` (capabilities below 32)."""
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
        self._check(self._libc.capset(header, data), "capset")

    @staticmethod
    def _check(result: int, call: str) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{call}: {os.strerror(number)}")


def unreachable(paths: list[str]) -> str | None:
    """The first path this process may not even look at."""
    for path in paths:
        try:
            Path(path).stat()
        except PermissionError:
            return path
    return None


def become(kernel: Kernel, uid: int, gid: int, reach: list[str]) -> None:
    """Take the account. If a private parent folder is in the way, keep one capability: to read and traverse.

    The secure bit is needed as well, since access(2), by which PostgreSQL checks its own binaries, otherwise ignores
    capabilities of a process that is not root.
    """
    kernel.prctl(PR_SET_KEEPCAPS, 1)
    try:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        refuse(f"root may not become account {uid} here ({error}): start it as an ordinary user instead of root.")
    blocked = unreachable(reach)
    if blocked is None:
        kernel.set_capabilities(0)
        return
    try:
        kernel.set_capabilities(1 << CAP_DAC_READ_SEARCH | 1 << CAP_SETPCAP)
        kernel.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
        kernel.set_capabilities(1 << CAP_DAC_READ_SEARCH)
        kernel.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)
    except OSError as error:
        refuse(
            f"account {uid} cannot reach {blocked} and may not be given the capability to ({error}). Put the project"
            " below folders that others may traverse (chmod o+x), or start it as an ordinary user instead of root."
        )


def tie_to_owner(kernel: Kernel, plan: Plan) -> None:
    """Die when the owner does, however it dies. Set last: a change of account would clear it."""
    kernel.prctl(PR_SET_PDEATHSIG, plan["death_signal"])
    if os.getppid() != plan["owner_pid"]:
        refuse("its owner has ended already")


def main(plan: Plan, argv: list[str]) -> NoReturn:
    kernel = Kernel()
    os.setsid()  # a Ctrl-C at the terminal is for the owner, which stops its servers in order
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold personal data
    try:
        if plan["account"] is not None:
            become(kernel, plan["account"][0], plan["account"][1], plan["reach"])
        os.chdir(plan["folder"])
        tie_to_owner(kernel, plan)
        os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        refuse(f"{error} (program {argv[0]})")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
