from __future__ import annotations

import argparse
import os
import secrets
import sys

from bench.season.book import Broken
from bench.season.measuring import one
from bench.stand import PROJECT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.season")
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
