"""Periodic review (定期审查): how a sample is drawn, what may be found, and how campaign and finding move on. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from uuid import UUID

MAX_SAMPLE = 500


class State(StrEnum):
    OPEN = "open"
    FOLLOW_UP = "follow_up"
    READY = "ready"
    SIGNED = "signed"
    CANCELLED = "cancelled"


STATE_LABELS: Mapping[State, str] = {
    State.OPEN: "检查中",
    State.FOLLOW_UP: "整改中",
    State.READY: "待签发",
    State.SIGNED: "已签发",
    State.CANCELLED: "已取消",
}
CLOSED = frozenset({State.SIGNED, State.CANCELLED})
# what may follow what; nothing else moves a campaign
EDGES: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.FOLLOW_UP, State.READY, State.CANCELLED}),
    State.FOLLOW_UP: frozenset({State.READY, State.CANCELLED}),
    State.READY: frozenset({State.FOLLOW_UP, State.SIGNED}),
    State.SIGNED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Outcome(StrEnum):
    WAITING = "waiting"
    OK = "ok"
    FINDING = "finding"


OUTCOME_LABELS: Mapping[Outcome, str] = {
    Outcome.WAITING: "待检查",
    Outcome.OK: "合格",
    Outcome.FINDING: "有问题",
}


class FindingKind(StrEnum):
    MISSING = "missing"
    ILLEGIBLE = "illegible"
    MISFILED = "misfiled"
    INCONSISTENT = "inconsistent"
    FOREIGN = "foreign"
    OTHER = "other"


FINDING_LABELS: Mapping[FindingKind, str] = {
    FindingKind.MISSING: "应有材料缺失",
    FindingKind.ILLEGIBLE: "扫描件不清或缺页",
    FindingKind.MISFILED: "归类或目录有误",
    FindingKind.INCONSISTENT: "材料之间信息不一致",
    FindingKind.FOREIGN: "混入他人材料",
    FindingKind.OTHER: "其他",
}


class FindingState(StrEnum):
    OPEN = "open"
    MENDED = "mended"
    CLOSED = "closed"


FINDING_STATE_LABELS: Mapping[FindingState, str] = {
    FindingState.OPEN: "待整改",
    FindingState.MENDED: "已整改，待确认",
    FindingState.CLOSED: "已销号",
}


class FindingMove(StrEnum):
    MEND = "mend"
    CONFIRM = "confirm"
    RETURN = "return"


FINDING_MOVE_LABELS: Mapping[FindingMove, str] = {
    FindingMove.MEND: "登记整改",
    FindingMove.CONFIRM: "确认销号",
    FindingMove.RETURN: "退回重新整改",
}
FINDING_EDGES: Mapping[tuple[FindingState, FindingMove], FindingState] = {
    (FindingState.OPEN, FindingMove.MEND): FindingState.MENDED,
    (FindingState.MENDED, FindingMove.CONFIRM): FindingState.CLOSED,
    (FindingState.MENDED, FindingMove.RETURN): FindingState.OPEN,
}


@dataclass(frozen=True, slots=True)
class Progress:
    items: int
    checked: int
    findings: int
    open_findings: int

    @property
    def percent(self) -> int:
        return 100 * self.checked // self.items if self.items else 0


def state_after(progress: Progress) -> State:
    """Where a campaign stands by what is done in it."""
    if progress.checked < progress.items:
        return State.OPEN
    return State.FOLLOW_UP if progress.open_findings else State.READY


def sample_size(population: int, size: int | None, percent: int | None) -> int:
    """A percentage is rounded up; never more than there are, never more than MAX_SAMPLE."""
    wanted = size if size is not None else ceil(population * (percent or 0) / 100)
    return max(0, min(wanted, population, MAX_SAMPLE))


def shares(strata: Mapping[str, int], size: int) -> dict[str, int]:
    """How many each stratum gives: by its share of all, largest remainders first, at least one while they last."""
    population = sum(strata.values())
    if not population:
        return {}
    exact = {name: size * n / population for name, n in strata.items()}
    given = {name: min(strata[name], int(value)) for name, value in exact.items()}
    if size >= len(strata):
        given = {name: max(1, n) for name, n in given.items()}
    order = sorted(strata, key=lambda name: (given[name] - exact[name], name))
    while sum(given.values()) > size:
        largest = max(given, key=lambda name: (given[name], name))
        given[largest] -= 1
    while sum(given.values()) < size:
        for name in order:
            if sum(given.values()) < size and given[name] < strata[name]:
                given[name] += 1
    return given


def draw(seed: str, strata: Mapping[str, Sequence[UUID]], size: int) -> list[tuple[str, UUID]]:
    """The sample, by college. The same seed and the same dossiers give the same sample, in any program: within a
    stratum those come first whose SHA-256 over seed and id is smallest.
    """
    given = shares({name: len(ids) for name, ids in strata.items()}, size)

    def place(one: UUID) -> bytes:
        return hashlib.sha256(seed.encode() + one.bytes).digest()

    return [
        (name, chosen) for name in sorted(strata) for chosen in sorted(strata[name], key=place)[: given.get(name, 0)]
    ]
