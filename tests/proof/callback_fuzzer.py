"""One lane of the fuzzed call-backs in a process of its own, because libFuzzer ends the process it runs in.

    python -m tests.proof.callback_fuzzer LANE {real|planted} FOLDER [libFuzzer's options …]

In FOLDER it makes ``corpus`` and ``tally``: how many executions there were, and in how many of them a message lay open.
It is kept up to date, so that a process that ends in a finding has counted too.
"""

from __future__ import annotations

import importlib
import mmap
import sys
from pathlib import Path
from typing import Any

import atheris

from tests.proof.callbacks import TALLY

TRACED = ["providers.wechat.push", "providers.wechat.crypto", "providers.alipay", "xmltodict"]


def _tally(path: Path) -> mmap.mmap:
    path.write_bytes(bytes(TALLY.size))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), TALLY.size)


def main() -> None:
    name, parser, folder, *options = sys.argv[1:]
    with atheris.instrument_imports(include=TRACED, exclude=["providers.sandbox"]):  # loaded here, branches are traced
        plants: Any = importlib.import_module("tests.proof.callback_plants")
    lane = (plants.PLANTED if parser == "planted" else plants.REAL)[name]()
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, each in enumerate(lane.corpus):
        (corpus / str(number)).write_bytes(each)
    tally, done, reached = _tally(Path(folder, "tally")), 0, 0

    def one(data: bytes) -> None:
        nonlocal done, reached
        before = lane.opened.count
        try:
            lane.run(data)
        finally:
            done, reached = done + 1, reached + (lane.opened.count > before)
            TALLY.pack_into(tally, 0, done, reached)

    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
