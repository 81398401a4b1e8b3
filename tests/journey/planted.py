"""``--planted``: for every step one fault in the world, which must make the story fail at exactly that step.

One stack serves all faults. For each, fresh people tell the part of the story that the step needs; the fault is planted
just before its step (or before the step whose effect it spoils) and taken away afterwards.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from tests.journey.scene import House, Scene, new_scene
from tests.journey.story import STEPS, Step, closure, say, tell

BASE_CHAPTER_PREFIX = ("op.", "staff.")
PLAIN_SEATS, FACED_SEATS = 220, 18
FIRST = "move.registry"  # its list is the same for everybody: once it is taken in, nothing is written any more
LAST = "canary"  # its faults leave marks behind

Plant = Callable[[Scene, contextlib.ExitStack], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """``plant`` does it and leaves its undoing on the stack it is given; ``before`` names where, if not at the step."""

    step: str
    words: str
    plant: Plant = field(repr=False)
    before: str = ""


FAULTS: list[Fault] = []


def fault(step: str, words: str, before: str = "") -> Callable[[Plant], Plant]:
    def register(plant: Plant) -> Plant:
        FAULTS.append(Fault(step, words, plant, before))
        return plant

    return register


@dataclass(frozen=True, slots=True)
class Outcome:
    fault: Fault
    failed_at: str
    saw: str
    seconds: float

    @property
    def caught(self) -> bool:
        return self.failed_at == self.fault.step


def try_fault(house: House, planned: Fault) -> Outcome:
    """Tell the story up to the fault's step with new people; what comes first to fail, and how."""
    began = time.monotonic()
    steps = _needed(planned, house)
    armed_at = planned.before or planned.step
    with contextlib.ExitStack() as undo:
        scene = new_scene(house)
        for one in steps:
            if one.key == armed_at:
                planned.plant(scene, undo)
            try:
                for _ in one.act(scene):
                    pass
            except Exception as error:
                first = (str(error) or type(error).__name__).splitlines()[0]
                return Outcome(planned, one.key, first[:110], time.monotonic() - began)
    return Outcome(planned, "", "", time.monotonic() - began)


def _needed(planned: Fault, house: House) -> list[Step]:
    """What the operator did once for all is not done again, unless the fault is about it."""
    steps = closure(planned.step, STEPS)
    if planned.step.startswith(BASE_CHAPTER_PREFIX):
        return [s for s in steps if s.key == planned.step or s.key == "op.staff"]
    return [s for s in steps if not s.key.startswith(BASE_CHAPTER_PREFIX)]


def prepare(house: House) -> None:
    """The operator's chapter, once, with a class large enough for all faults."""
    house.cohort(1, plain=PLAIN_SEATS, faced=FACED_SEATS)
    tell([s for s in STEPS if s.key.startswith(BASE_CHAPTER_PREFIX)], new_scene(house))


def control(house: House) -> bool:
    """After the faults the same world, put right again, tells the story without one: no fault was caught by chance."""
    say("\n【对照：无故障 control without a fault】")
    steps = [s for s in STEPS if not s.key.startswith(BASE_CHAPTER_PREFIX) and s.key != "kiosk.attacks"]
    try:
        tell(steps, new_scene(house))
    except Exception:
        return False
    return True


def table(outcomes: Sequence[Outcome]) -> None:
    say("\n步骤 step           在该步失败 failed there   植入的故障 planted fault")
    for outcome in outcomes:
        answer = "是 yes" if outcome.caught else f"否 NO ({outcome.failed_at or 'nothing failed'})"
        say(f"{outcome.fault.step:<16}  {answer:<22}  {outcome.fault.words}")


def run_planted(house: House, only: Collection[str]) -> int:
    """0 when every step has a fault, every fault was caught at its own step, and the story passes without one."""
    began = time.monotonic()
    without = [s.key for s in STEPS if s.key not in {f.step for f in FAULTS}]
    prepare(house)
    outcomes: list[Outcome] = []
    say("\n【植入故障 planted faults】")
    sound: bool | None = None
    for planned in sorted(FAULTS, key=lambda f: (f.step != FIRST, f.step == LAST)):
        if only and planned.step not in only:
            continue
        if planned.step == LAST and not any(o.fault.step == LAST for o in outcomes):
            sound = control(house)
        outcome = try_fault(house, planned)
        outcomes.append(outcome)
        mark = "✓" if outcome.caught else "✗"
        say(f" {mark} {planned.step:<15} {planned.words}  [{outcome.seconds:.1f} s]")
        say(f"      {outcome.failed_at or '—'}: {outcome.saw}")
    table(outcomes)
    missed = [o for o in outcomes if not o.caught]
    seconds = time.monotonic() - began
    say(f"\n{len(outcomes)} 个故障，{len(outcomes) - len(missed)} 个在自己的步骤被发现；用时 {seconds:.0f} 秒")
    for outcome in missed:
        where = outcome.failed_at or "nothing failed"
        say(f"漏掉 MISSED {outcome.fault.step}: {outcome.fault.words} ({where}: {outcome.saw})")
    if without:
        say(f"没有故障的步骤 steps without a fault: {'、'.join(without)}")
    words = {
        True: "无故障时全部通过 passes without a fault",
        False: "失败 FAILED: the table is void",
        None: "未运行 not run",
    }
    say(f"对照 control: {words[sound]}")
    good = bool(only) if sound is None else sound
    return 0 if good and not missed and not without else 1
