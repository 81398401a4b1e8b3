"""``make bench``: every measurement as a ratio of one run, beside its target. Nothing here is a test.

python -m bench [name …]      names: dossier_read face face_load retrieval tickets web_memory documents
                              import_cohort dispatch notices campaign season
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping

from bench import (
    campaign,
    dispatch,
    documents,
    dossier_read,
    face_load,
    import_cohort,
    notices,
    retrieval,
    tickets,
    web_memory,
)
from bench.season import measuring
from bench.stand import PROJECT


def _face() -> bool:
    """In a process of its own: it loads the face stack, and has its own exit status."""
    return subprocess.run([sys.executable, "-m", "bench.face"], cwd=PROJECT, check=False).returncode == 0


BENCHES: Mapping[str, Callable[[], bool]] = {
    "dossier_read": dossier_read.run,
    "retrieval": retrieval.run,
    "tickets": tickets.run,
    "web_memory": web_memory.run,
    "face": _face,
    "face_load": face_load.run,
    "documents": documents.run,
    "import_cohort": import_cohort.run,
    "dispatch": dispatch.run,
    "campaign": campaign.run,
    "notices": notices.run,
    "season": measuring.run,
}


def main() -> int:
    """Always 0: a shared machine is no judge. What cannot be measured at all ends with SystemExit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], default=[])
    arguments = parser.parse_args()
    os.chdir(PROJECT)
    missed = []
    for name in arguments.names or BENCHES:
        print(flush=True)
        if not BENCHES[name]():
            missed.append(name)
    print(f"\ntargets missed by: {', '.join(missed)}" if missed else "\nall targets kept")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
