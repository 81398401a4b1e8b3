"""Removes what the project made: caches and var/, with --all also .venv. Refuses while servers of this checkout run.

Standard library only: it must work without .venv.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
CACHES = (
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
    ".hypothesis",
    ".schemathesis",
)
LOCKS = ("var/demo.lock", "var/data/owner.lock")


def held(lock: Path) -> bool:
    """Whether a living process holds the lock file."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def clean(project: Path, *, everything: bool) -> str | None:
    """None when done, else the reason for removing nothing."""
    for name in LOCKS:
        if held(project / name):
            return f"{name} is held: stop the demo first"
    for name in (*CACHES, "var", *([".venv"] if everything else [])):
        shutil.rmtree(project / name, ignore_errors=True)
    for folder, names, _ in os.walk(project):
        names[:] = [name for name in names if name not in (".git", ".venv")]
        if "__pycache__" in names:
            shutil.rmtree(Path(folder) / "__pycache__", ignore_errors=True)
            names.remove("__pycache__")
    return None


def main(arguments: list[str]) -> int:
    reason = clean(PROJECT, everything="--all" in arguments)
    if reason is not None:
        sys.stderr.write(f"nothing removed: {reason}\n")
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
