"""What a check is, and how one is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from app.checks.package import NotReadable, Package
from app.checks.rules import Confirmation, Finding, Mode, Outcome, Property, Result, Stage

EVERY_STAGE = frozenset(Stage)
HOUSE = "本系统规则"


@dataclass(frozen=True, slots=True)
class Found:
    """How many things were looked at, and what is wrong with them."""

    looked: int
    findings: tuple[Finding, ...] = ()


class NotAnswerable(Exception):
    """The check cannot be run here; ``words`` say why, in Chinese."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


Judge = Callable[[Package], Found]


@dataclass(frozen=True, slots=True)
class Check:
    """``id`` is stable for ever. ``advice`` says what to do when it fails. ``judge`` of a machine check answers; that
    of an assisted one gathers what a person needs to see; a manual one has none.
    """

    id: str
    property: Property
    title: str
    ground: str
    advice: str
    judge: Judge | None = field(default=None, repr=False)
    mode: Mode = Mode.MACHINE
    veto: bool = False
    stages: frozenset[Stage] = EVERY_STAGE
    note_required: bool = False


def found(looked: int, findings: Iterable[Finding]) -> Found:
    return Found(looked, tuple(findings))


def each(count: int, wrong: Iterable[tuple[str, str]]) -> Found:
    """``wrong`` are (where, words)."""
    return Found(count, tuple(Finding(where, words) for where, words in wrong))


def ask(check: Check, package: Package) -> Result:
    """A machine check's result. What the package lacks for an answer makes it not run, never a pass."""
    if check.judge is None:
        return Result(check.id, Outcome.NOT_RUN)
    try:
        answer = check.judge(package)
    except NotReadable as lack:
        return Result(check.id, Outcome.NOT_RUN, note=f"所需文件缺失或无法读取：{lack.what}")
    except NotAnswerable as lack:
        return Result(check.id, Outcome.NOT_RUN, note=lack.words)
    if answer.findings:
        return Result(check.id, Outcome.FAIL, answer.looked, answer.findings)
    return Result(check.id, Outcome.PASS if answer.looked else Outcome.NOT_APPLICABLE, answer.looked)


def asked_of_people(check: Check, said: Confirmation | None, package: Package) -> Result:
    """A check that people answer, by the latest word on record."""
    evidence = check.judge(package) if check.judge is not None else Found(0)
    if said is None:
        return Result(check.id, Outcome.WAITING, evidence.looked, evidence.findings)
    outcome = Outcome.PASS if said.agreed else Outcome.FAIL
    return Result(check.id, outcome, evidence.looked, evidence.findings)


def ask_all(checks: Sequence[Check], package: Package) -> list[Result]:
    return [ask(c, package) for c in checks]
