from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

# small matrices only: more BLAS threads than one cost time, above all beside other work
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
FOLDER = Path(__file__).resolve().parents[3] / "var" / "portraits"
NAMES = ("person_a_1", "person_a_2", "person_a_3", "person_b_1")


@dataclass(frozen=True)
class Portraits:
    a1: bytes
    a2: bytes
    a3: bytes
    b1: bytes


@pytest.fixture(scope="session")
def portraits() -> Portraits:
    files = [FOLDER / f"{name}.jpg" for name in NAMES]
    if not all(f.is_file() for f in files):
        pytest.skip("no portraits: run 'python deploy/fetch_portraits.py' to run the face tests")
    return Portraits(*(f.read_bytes() for f in files))
