"""The carrier's consignments: each follows a script, or what somebody pushes. The caller holds the world's lock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from providers.sandbox.clock import SandboxClock

NUMBER = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{13}")
HOUR_S = 3600.0
YEAR_S = 365 * 24 * HOUR_S
CODES: Mapping[str, tuple[str, str]] = {
    "ACCEPT": ("兰台大学营投部", "已收寄"),
    "DEPART": ("省会邮件处理中心", "离开处理中心，发往下一站"),
    "ARRIVE": ("目的地邮件处理中心", "到达处理中心"),
    "DELIVERING": ("目的地营投部", "安排投递"),
    "SIGNED": ("目的地营投部", "已签收"),
    "REFUSED": ("目的地营投部", "收件单位拒收"),
    "RETURNING": ("目的地邮件处理中心", "退回途中"),
    "RETURNED": ("兰台大学营投部", "已退回寄件人"),
    "PROBLEM": ("目的地营投部", "地址不详，待核实"),
    "LOST": ("目的地邮件处理中心", "邮件查找中，疑似丢失"),
}
SIGNER = "单位收发章"
_ON_THE_WAY = ((0.0, "ACCEPT"), (10.0, "DEPART"), (34.0, "ARRIVE"))
_ARRIVES = (*_ON_THE_WAY, (46.0, "DELIVERING"), (50.0, "SIGNED"))
SCRIPTS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "normal": _ARRIVES,
    "manual": (),
    "delay": ((0.0, "ACCEPT"), (240.0, "DEPART"), (480.0, "ARRIVE"), (500.0, "DELIVERING"), (504.0, "SIGNED")),
    "lose": ((0.0, "ACCEPT"), (10.0, "DEPART")),
    "lost": (*_ON_THE_WAY, (200.0, "LOST")),
    "return": (*_ON_THE_WAY, (46.0, "PROBLEM"), (70.0, "RETURNING"), (120.0, "RETURNED")),
    "refuse": (*_ON_THE_WAY, (46.0, "DELIVERING"), (50.0, "REFUSED"), (60.0, "RETURNING"), (120.0, "RETURNED")),
    "duplicates": _ARRIVES,
    "out_of_order": _ARRIVES,
    "contradictory": (*_ARRIVES, (72.0, "RETURNED")),
}
"""Hours after the start and what happens then. Two scripts tell the normal story badly."""


class UnknownWaybill(ValueError):
    """Never handed over here, or longer ago than the carrier remembers."""


@dataclass(frozen=True, slots=True)
class Trace:
    """``at`` is Unix time."""

    id: str
    at: float
    code: str
    place: str
    words: str
    signer: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Waybill:
    """``begun_age`` and ``begun_at`` are the sandbox's two times of the hand-over."""

    number: str
    script: str
    begun_age: float
    begun_at: float
    told: list[Trace] = field(default_factory=list)
    done: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "script": self.script,
            "begun_at": self.begun_at,
            "left": len(SCRIPTS[self.script]) - self.done,
            "trace": [trace.as_json() for trace in self.told],
        }


class WaybillDesk:
    """``auto``: a number nobody handed over starts the normal script when it is first asked for."""

    def __init__(self, clock: SandboxClock, auto: bool) -> None:
        self._clock, self.auto = clock, auto
        self._waybills: dict[str, Waybill] = {}

    def begin(self, number: str, script: str = "normal") -> Waybill:
        """Raises ValueError for a number of another shape, a script there is not, or a number that is under way."""
        if not NUMBER.fullmatch(number):
            raise ValueError("number must be 13 characters: AA000000000AA or digits")
        if script not in SCRIPTS:
            raise ValueError(f"script must be one of {', '.join(SCRIPTS)}")
        if number in self._waybills:
            raise ValueError("this number is under way already")
        made = Waybill(number, script, self._clock.age(), self._clock.wall())
        self._waybills[number] = made
        self._go_on(made)
        return made

    def all(self) -> list[Waybill]:
        for waybill in self._waybills.values():
            self._go_on(waybill)
        return list(self._waybills.values())

    def find(self, number: str) -> Waybill:
        """Raises UnknownWaybill, also a year after the start."""
        waybill = self._waybills.get(number)
        if waybill is None or self._clock.age() - waybill.begun_age > YEAR_S:
            raise UnknownWaybill("no such waybill")
        self._go_on(waybill)
        return waybill

    def asked(self, number: str) -> list[Trace]:
        """What the query API tells, in the order it tells it. Raises UnknownWaybill."""
        if self.auto and number not in self._waybills and NUMBER.fullmatch(number):
            self.begin(number)
        waybill = self.find(number)
        told = list(waybill.told)
        if waybill.script == "duplicates":
            return [trace for trace in told for _ in range(2)]
        return told[1::2] + told[::2] if waybill.script == "out_of_order" else told

    def push(self, number: str, code: str, at: float | None = None, **texts: str) -> Trace:
        """Something happens now, or happened ``at`` (Unix time). ``id``, ``place``, ``words`` and ``signer`` replace
        the usual texts; any code is taken. Raises UnknownWaybill.
        """
        waybill = self.find(number)
        place, words = CODES.get(code, ("", ""))
        trace = Trace(
            texts.get("id") or f"{number}-{len(waybill.told) + 1:04d}",
            self._clock.wall() if at is None else at,
            code,
            texts.get("place", place),
            texts.get("words", words),
            texts.get("signer", SIGNER if code == "SIGNED" else ""),
        )
        waybill.told.append(trace)
        return trace

    def step(self, number: str) -> Trace:
        """The script's next line at once. Raises UnknownWaybill, and ValueError at its end."""
        waybill = self.find(number)
        script = SCRIPTS[waybill.script]
        if waybill.done >= len(script):
            raise ValueError("the script is at its end")
        return self._next(waybill, self._clock.wall())

    def _go_on(self, waybill: Waybill) -> None:
        """Lines whose hour has come. What happened is never stamped later than now on the wire."""
        gone = self._clock.age() - waybill.begun_age
        script = SCRIPTS[waybill.script]
        while waybill.done < len(script) and script[waybill.done][0] * HOUR_S <= gone:
            hours = script[waybill.done][0]
            self._next(waybill, min(waybill.begun_at + hours * HOUR_S, self._clock.wall()))

    def _next(self, waybill: Waybill, at: float) -> Trace:
        code = SCRIPTS[waybill.script][waybill.done][1]
        waybill.done += 1
        place, words = CODES[code]
        signer = SIGNER if code == "SIGNED" else ""
        trace = Trace(f"{waybill.number}-{len(waybill.told) + 1:04d}", at, code, place, words, signer)
        waybill.told.append(trace)
        return trace
