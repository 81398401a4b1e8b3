"""Wishes and views the tests of custody share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from app.actors import Actor
from app.custody.rules import (
    Borrower,
    Purpose,
    Wish,
)
from app.custody.views import PaperView
from app.errors import DomainError
from parts import Lantai
from tests.conftest import Person

People = Callable[..., Person]
PLACE = "A-03-2-05"


def inside(actor: Actor, **changes: object) -> Wish:
    values: dict[str, object] = {"staff_id": actor.id, **changes}
    return Wish(Borrower.STAFF, Purpose.SORTING, 15, **values)  # type: ignore[arg-type]


OUTSIDE = Wish(Borrower.OUTSIDE, Purpose.POLITICAL_REVIEW, 15, name="借阅人甲", unit="某市某局", letter="函〔2026〕7号")


def paper(lantai: Lantai, actor: Actor, person: Person) -> PaperView:
    return lantai.custody.paper(actor, person.id)


def fault_of(caught: pytest.ExceptionInfo[DomainError]) -> str:
    return caught.value.faults[0].code if caught.value.faults else caught.value.code


def at_once(calls: Sequence[Callable[[], object]]) -> list[str]:
    found: list[str] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
            found.append("done")
        except DomainError as error:
            found.append(error.code)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)
