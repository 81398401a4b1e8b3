"""Packages under attack: every flipped bit, dropped, added, renamed or swapped file is found from the package alone.

The prober is fooled on purpose (it sees in a spoilt file what the sound one showed), so that only digests, manifests
and the signature do the finding. A checker that ignores one file is planted and must be caught by the same drill.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random

from app.actors import SYSTEM
from app.checks.offline import verify
from app.checks.package import Source, media_by_content
from app.checks.rules import Stage, Verdict
from app.package_ports import Probe
from providers.probe import ChildProber
from tests.proof.house import house
from tests.proof.outcome import Budget, Outcome
from tests.proof.tamper import Tally, flipped

TODAY = date(2030, 1, 1)
Files = dict[str, bytes]
Judge = Callable[[Files], bool]


@dataclass
class Spoilt:
    files: Files

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        return self.files[name]


@dataclass
class OneFileIgnored:
    """The planted checker: whatever was done to ``ignored``, it is read as it was."""

    inner: Spoilt
    ignored: str
    sound: bytes

    def names(self) -> list[str]:
        return self.inner.names()

    def read(self, name: str) -> bytes:
        return self.sound if name == self.ignored else self.inner.read(name)


class FooledProber:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        real = ChildProber()
        held = {len(d): (d, m) for d in files.values() if (m := media_by_content(d)) is not None}
        self._seen = {size: real.probe(data, media) for size, (data, media) in held.items()}

    def probe(self, data: bytes, media_type: str) -> Probe:
        return self._seen.get(len(data), Probe(opens=True, pages=1))


def package_of(folder: Path) -> Files:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def passes(source: Source, prober: FooledProber) -> bool:
    return verify(source, prober, TODAY).verdict in (Verdict.PASSED, Verdict.NOTED)


def by_bits(files: Files, judge: Judge, rng: Random, times: int) -> tuple[Tally, set[str]]:
    """(found of tried, files in which something was missed); every file gets its share."""
    tally, missed = Tally(), set[str]()
    names = sorted(files)
    for n in range(times):
        name = names[n % len(names)]
        found = not judge({**files, name: flipped(files[name], rng)})
        tally.add(found)
        if not found:
            missed.add(name)
    return tally, missed


def by_files(files: Files, judge: Judge, rng: Random, faults: list[str]) -> Tally:
    tally = Tally()
    names = sorted(files)

    def try_one(spoilt: Files, words: str) -> None:
        tally.add(found := not judge(spoilt))
        if not found:
            faults.append(f"{words} was not found")

    for name in names:
        rest = {n: d for n, d in files.items() if n != name}
        try_one(rest, f"{name} dropped")
        try_one({**rest, f"{name}x": files[name]}, f"{name} renamed")
        try_one({**files, f"{name}.bak": b"x"}, f"a file added beside {name}")
        try_one({**files, name: files[name] + b" "}, f"a byte added to {name}")
        other = rng.choice([n for n in names if files[n] != files[name]])
        try_one({**files, name: files[other], other: files[name]}, f"{name} and {other} swapped")
    return tally


def run(budget: Budget) -> Outcome:
    rng, faults = Random(budget.seed), list[str]()
    times = 400 if budget.short else int(4000 * budget.minutes)
    with house() as home, tempfile.TemporaryDirectory(prefix="lantai-package-") as name:
        person = home.graduate()
        made = home.parts.checks.run(SYSTEM, person.id, Stage.ARCHIVING)
        target = Path(name) / "package"
        home.parts.checks.write_package(SYSTEM, person.id, made.id, target)
        files = package_of(target)
    prober = FooledProber(files)
    if not passes(Spoilt(files), prober):
        return Outcome("the sound package does not pass", ["void: nothing can be told from refusals"])
    flips, missed = by_bits(files, lambda f: passes(Spoilt(f), prober), rng, times)
    faults += [f"a flipped bit in {one} was not found" for one in sorted(missed)]
    whole_files = by_files(files, lambda f: passes(Spoilt(f), prober), rng, faults)
    ignored = next(n for n in sorted(files) if n.startswith("data/materials/"))
    _, blind = by_bits(
        files, lambda f: passes(OneFileIgnored(Spoilt(f), ignored, files[ignored]), prober), rng, 6 * len(files)
    )
    if blind != {ignored}:
        faults.append(f"void: the planted checker that ignores {ignored} was not caught (missed {sorted(blind)})")
    number = (
        f"found: flipped bits {flips} in {len(files)} files, whole files {whole_files};"
        f" planted checker caught at {ignored}"
    )
    return Outcome(number, faults)
