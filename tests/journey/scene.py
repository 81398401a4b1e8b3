"""One telling of the story: the stack and the staff it shares with other tellings, and people of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser

from tests.journey.cast import Person, Portraits, write_class
from tests.journey.clients import Graduate, MiniProgram, Sandbox, Wire
from tests.journey.console import ChromiumWindow, Clerk, PlainWindow, Window
from tests.journey.stack import Stack

VICTIMS = 5
CAST = ("wei", "lin", "kai", "min", "victim")  # WeChat, Alipay, terminal, without face, under attack
SEATS = len(CAST) - 1 + VICTIMS


@dataclass(slots=True)
class Marks:
    """Everything secret or personal that passed through the journey: kind -> texts."""

    texts: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def keep(self, kind: str, text: str) -> None:
        if len(text) >= 8:  # six digits stand in every log by chance
            self.texts.setdefault(kind, set()).add(text)


@dataclass(slots=True)
class House:
    """What all tellings share."""

    folder: Path
    stack: Stack
    wire: Wire
    sandbox: Sandbox
    portraits: Portraits
    marks: Marks
    browser: Browser | None = None
    clerks: dict[str, Clerk] = field(default_factory=dict)
    terminal: str = field(default="", repr=False)
    pool: list[Person] = field(default_factory=list)
    next_address: int = 0
    next_scene: int = 0

    def window(self) -> Window:
        base = self.stack.web
        return ChromiumWindow(self.browser, base) if self.browser is not None else PlainWindow(base)

    def program(self, base: str) -> MiniProgram:
        """A mini-program at an address nobody has used before."""
        self.next_address += 1
        address = f"10.{self.next_address >> 16}.{self.next_address >> 8 & 255}.{self.next_address & 255}"
        return MiniProgram(self.wire, base, address, self.marks.keep)

    def cohort(self, serial: int, size: int) -> tuple[Path, list[Person]]:
        """A class written to disk; every telling's terminal visitor and victims have the portrait on file."""
        folder = self.folder / f"cohort-{serial}"
        if folder.exists():
            shutil.rmtree(folder)
        people = write_class(
            folder, serial=serial, size=size, portrait=self.portraits.registrar, faces=lambda n: n % SEATS in FACES
        )
        for person in people:
            self.marks.keep("name", person.name)
            self.marks.keep("id number", person.id_number)
            self.marks.keep("phone", person.phone)
            self.marks.keep("student number", person.student_number)
        return folder, people


FACES = {CAST.index("kai"), *range(len(CAST) - 1, SEATS)}


@dataclass(slots=True)
class Scene:
    """A telling's own people and what they have learnt. ``suffix`` keeps its user names apart."""

    house: House
    suffix: str
    people: list[Person]
    keys: Path
    cohort: Path
    visitor: Path
    faceless: str
    cast: dict[str, Graduate] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> Stack:
        return self.house.stack

    def graduate(self, name: str, index: int = 0) -> Graduate:
        """A member of the cast; made when first asked for."""
        key = name if not index else f"{name}{index}"
        if key not in self.cast:
            base = self.faceless if name == "min" else self.stack.web
            person = self.people[CAST.index(name) + index]
            self.cast[key] = Graduate(person, self.house.program(base))
        return self.cast[key]

    def clerk(self, role: str) -> Clerk:
        return self.house.clerks[role]

    def keep(self, kind: str, text: str) -> str:
        self.house.marks.keep(kind, text)
        return text


def new_scene(house: House, people: list[Person]) -> Scene:
    """``people`` are SEATS of the pool; keys and class for the operator's steps are the telling's own."""
    house.next_scene += 1
    number = house.next_scene
    return Scene(
        house=house,
        suffix="" if number == 1 else str(number),
        people=people,
        keys=house.stack.folder / "keys" if number == 1 else house.folder / f"keys-{number}",
        cohort=house.folder / f"cohort-{number}",
        visitor=house.portraits.visitor,
        faceless=house.stack.faceless,
    )
