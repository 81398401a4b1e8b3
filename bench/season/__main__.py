"""A graduates' season on a simulated clock, through the real services on a real database.

    python -m bench.season [--graduates N] [--behind M] [--seed S]

Working days are those of the real calendar. Carriers lose, delay and return; receivers refuse and forget; staff make
mistakes that must be refused. What must hold is asked after every simulated day (weekly with many transfers behind);
where it does not, the season ends.

What people do goes through the services that console and API call; the carrier is asked once a day, in the evening.
Photos of seals and the notices that follow from steps are left to other measurements: notices are queued, not sent.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys

from bench.season.book import Broken
from bench.season.measuring import one
from bench.stand import PROJECT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graduates", type=int, default=1000)
    parser.add_argument("--behind", type=int, default=0, help="transfers of earlier years in the database")
    parser.add_argument("--seed", type=int, default=None, help="drawn and printed when not given")
    arguments = parser.parse_args()
    os.chdir(PROJECT)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(10**6)
    try:
        one(arguments.graduates, arguments.behind, seed)
    except Broken as broken:
        print(f"season: BROKEN, {broken}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
