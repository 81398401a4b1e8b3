"""Steps, their order and their running: what the journey is made of."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.journey.scene import Scene

Act = Callable[["Scene"], Iterable[str]]


class StepFailed(AssertionError):
    """An outsider saw something else than promised."""


def check(true: object, otherwise: str) -> None:
    if not true:
        raise StepFailed(otherwise)


@dataclass(frozen=True, slots=True)
class Step:
    """``needs`` are the steps that must have happened in the same scene."""

    key: str
    chapter: str
    title: str
    english: str
    act: Act = field(repr=False)
    needs: tuple[str, ...] = ()


STEPS: list[Step] = []
STEMS = "甲乙丙丁戊己庚辛壬癸"


def step(key: str, chapter: str, title: str, english: str, *needs: str) -> Callable[[Act], Act]:
    """Register a step. Chapters follow each other by their heavenly stem, steps of one chapter as they are written."""

    def register(act: Act) -> Act:
        STEPS.append(Step(key, chapter, title, english, act, needs))
        STEPS.sort(key=lambda one: STEMS.index(one.chapter[0]))
        return act

    return register


def closure(key: str, steps: Sequence[Step]) -> list[Step]:
    """The steps up to ``key`` that it needs, in the story's order, itself last."""
    by_key = {s.key: s for s in steps}
    wanted: set[str] = set()
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one not in wanted:
            wanted.add(one)
            waiting += by_key[one].needs
    return [s for s in steps if s.key in wanted]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(steps: Sequence[Step], scene: Scene) -> None:
    """Play and print the steps. Raises the first failure, after printing it."""
    began, chapter = time.monotonic(), ""
    for number, one in enumerate(steps, 1):
        if one.chapter != chapter:
            chapter = one.chapter
            say(f"\n【{chapter}】")
        started = time.monotonic()
        try:
            lines = list(one.act(scene))
        except Exception as error:
            say(f" ✗ {number:2d}. {one.title}  {one.english}\n      {type(error).__name__}: {error}")
            raise
        now = time.monotonic()
        say(f" ✓ {number:2d}. {one.title}  {one.english}  [{now - started:.1f} s, {now - began:.0f} s]")
        for line in lines:
            say(f"      {line}")
