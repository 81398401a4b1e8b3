"""One telling of the story: the stack and the staff it shares with other tellings, and people of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser

from tests.journey.cast import Person, Portraits, write_class
from tests.journey.clients import Graduate, MiniProgram, Sandbox, Wire
from tests.journey.console import ChromiumWindow, Clerk, PlainWindow, Window
from tests.journey.stack import Stack

VICTIMS = 5
# wei comes by WeChat, lin by Alipay, kai to a terminal, min where face is switched off; hui's dossier goes by 机要,
# qing's and su's go electronically too; victims are under attack
PLAIN, FACED = ("wei", "lin", "min", "hui", "qing", "su"), ("kai", *(f"victim{n}" for n in range(VICTIMS)))


@dataclass(slots=True)
class Marks:
    """Everything secret or personal that passed through the journey: kind -> texts."""

    texts: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def keep(self, kind: str, text: str) -> None:
        if len(text.encode()) >= 8:  # six digits stand in every log by chance
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
    free: dict[bool, list[Person]] = field(default_factory=lambda: {True: [], False: []})
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

    def cohort(self, serial: int, *, plain: int, faced: int) -> Path:
        """A class written to disk, ready for import; ``faced`` of it have the portrait as the registrar's photo."""
        folder = self.folder / f"cohort-{serial}"
        people = write_class(folder, serial=serial, size=plain + faced, faced=faced, portrait=self.portraits.registrar)
        for person in people:
            self.marks.keep("name", person.name)
            self.marks.keep("id number", person.id_number)
            self.marks.keep("phone", person.phone)
            self.marks.keep("student number", person.student_number)
        self.free[True] += people[:faced]
        self.free[False] += people[faced:]
        return folder


@dataclass(slots=True)
class Scene:
    """A telling's own people and what they have learnt. ``suffix`` keeps its user names apart."""

    house: House
    number: int
    visitor: Path
    faceless: str
    cast: dict[str, Graduate] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    own_clerks: dict[str, Clerk] = field(default_factory=dict)

    @property
    def stack(self) -> Stack:
        return self.house.stack

    @property
    def suffix(self) -> str:
        """Keeps user names and the like apart."""
        return "" if self.number == 1 else str(self.number)

    @property
    def keys(self) -> Path:
        return self.stack.folder / "keys" if self.number == 1 else self.house.folder / f"keys-{self.number}"

    @property
    def cohort(self) -> Path:
        """The telling's own class; the first telling's is everybody's."""
        folder = self.house.folder / f"cohort-{self.number}"
        return folder if folder.exists() else self.house.cohort(self.number, plain=2, faced=0)

    def graduate(self, name: str) -> Graduate:
        """A member of the cast (see PLAIN and FACED); somebody fresh takes the part when first asked for."""
        if name not in self.cast:
            person = self.house.free[name in FACED].pop()
            base = self.faceless if name == "min" else self.stack.web
            self.cast[name] = Graduate(person, self.house.program(base))
        return self.cast[name]

    def clerk(self, role: str) -> Clerk:
        return self.own_clerks.get(role) or self.house.clerks[role]

    def keep(self, kind: str, text: str) -> str:
        self.house.marks.keep(kind, text)
        return text


def new_scene(house: House) -> Scene:
    house.next_scene += 1
    return Scene(house, house.next_scene, house.portraits.visitor, house.stack.faceless)
