"""The upload zoo: every class has its outcome, nothing comes out unprocessed, every child stays small and quick."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from app.errors import DomainError, Invalid
from app.file_ports import CleanDocument
from providers.document_child import Usage
from providers.documents import ChildDocumentCleaner, read_answer
from tests.providers.zoo.case import MARKER, Case, judge
from tests.providers.zoo.others import LIARS, OFDS
from tests.providers.zoo.paper_traps import TRAPS
from tests.providers.zoo.papers import PAPERS
from tests.providers.zoo.pictures import JPEGS, PNGS
from tests.providers.zoo.tiffs import TIFFS

CASES = [*JPEGS, *PNGS, *TIFFS, *PAPERS, *TRAPS, *OFDS, *LIARS]
CLEANER = ChildDocumentCleaner(max_bytes=10 << 20)


@cache
def made(case: Case) -> bytes:
    return case.make()


def cleaned(case: Case, data: bytes) -> tuple[CleanDocument | DomainError, Usage | None]:
    try:
        outcome, usage = CLEANER.measure(data, case.claim)
    except DomainError as error:
        return error, None  # decided by the first bytes; no child was asked
    media_type = case.taken or "?"
    try:
        return read_answer(media_type, case.claim, outcome), usage or Usage(float("inf"), float("inf"))
    except DomainError as error:
        return error, usage or Usage(float("inf"), float("inf"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_zoo(case: Case) -> None:
    data = made(case)
    assert judge(case, data, *cleaned(case, data)) == []
    assert len(data) < 1 << 20 or case.refused, "what is taken gets the least time: no class here may buy itself more"


def test_there_are_enough_classes_and_no_two_are_one() -> None:
    assert len(CASES) >= 60
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
    assert sum(case.marked for case in CASES) >= 30


@pytest.mark.parametrize("case", [c for c in CASES if c.taken and not c.as_received], ids=lambda case: case.name)
def test_a_cleaner_that_passes_bytes_through_is_caught(case: Case) -> None:
    data = made(case)
    width, height = case.size or (None, None)
    through = CleanDocument(case.taken, data, case.pages, width, height, case.dpi)
    faults = judge(replace(case, preview=False), data, through, None)
    assert "the bytes are those received" in faults
    assert ("the hidden payload came through" in faults) == case.marked


def test_a_cleaner_that_refuses_everything_takes_too_much_or_keeps_a_payload_is_caught() -> None:
    case = next(c for c in CASES if c.marked)
    data = case.make()
    done = cleaned(case, data)[0]
    assert isinstance(done, CleanDocument)
    assert judge(case, data, Invalid("document_unreadable"), None)
    assert judge(replace(case, taken="", refused=("document_unreadable",)), data, done, None)
    assert judge(case, data, done, Usage(300.0, 0.1)) == ["300 MB resident"]
    assert judge(case, data, done, Usage(50.0, 2.7)) == ["2.70 s of processor time"]
    assert judge(case, data, replace(done, data=done.data + MARKER), None) == ["the hidden payload came through"]
    assert judge(case, data, replace(done, preview=None), None)
