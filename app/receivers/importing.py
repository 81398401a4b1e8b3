"""Taking a list of receivers in: all of it or nothing, tried out first, twice the same as once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import BinaryIO

from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.errors import Conflict, Invalid, TooLarge
from app.events import EventLog
from app.ports import Clock
from app.receivers import book, table
from app.receivers.models import Receiver
from app.receivers.rules import FIELD_LABELS, KEEPERS, ReceiverFacts, changes, continued
from app.receivers.service import ReceiverRegistry, require
from app.receivers.table import CODE, TableRow

MAX_BYTES = 10 * 1024 * 1024
_STEP = 500

Progress = Callable[[int, int], None]


class Outcome(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


OUTCOME_LABELS: Mapping[Outcome, str] = {
    Outcome.NEW: "新增",
    Outcome.CHANGED: "生成新版本",
    Outcome.UNCHANGED: "没有变化",
    Outcome.REFUSED: "不能导入",
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """``column``: the heading; ``code``: a word of app/wording/receivers.py."""

    column: str
    code: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """``changed``: headings of what differs from the last version."""

    line: int
    code: str
    name: str
    outcome: Outcome
    faults: tuple[RowFault, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """``done``: whether it was written. ``digest``: of all outcomes, so that what is written is what was shown."""

    rows: Sequence[RowResult]
    done: bool

    def count(self, outcome: Outcome) -> int:
        return sum(r.outcome is outcome for r in self.rows)

    @property
    def usable(self) -> bool:
        return bool(self.rows) and not self.count(Outcome.REFUSED)

    @property
    def refused(self) -> Sequence[RowResult]:
        return [r for r in self.rows if r.outcome is Outcome.REFUSED]

    @property
    def digest(self) -> str:
        said = [(r.line, r.code, r.name, r.outcome, r.changed, [f.code for f in r.faults]) for r in self.rows]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Known:
    """A body on record and its last version."""

    receiver: Receiver
    number: int
    facts: ReceiverFacts


@dataclass(frozen=True, slots=True)
class _Judged:
    """``facts`` are those to be written, None where nothing is."""

    result: RowResult
    facts: ReceiverFacts | None = None
    known: _Known | None = None


class ReceiverImport:
    def __init__(self, db: Database, registry: ReceiverRegistry, log: EventLog, clock: Clock) -> None:
        self._db, self._registry, self._log, self._clock = db, registry, log, clock

    def try_out(
        self, actor: Actor, opened: Callable[[], BinaryIO], progress: Progress | None = None, since: date | None = None
    ) -> ImportReport:
        """What an import would do; nothing is written. ``since``: from when changed facts hold where the list does not
        begin a new period itself (today). Raises Forbidden, Invalid, TooLarge.
        """
        require(actor, KEEPERS)
        rows = self._read(opened)
        with self._db.transaction() as session:
            judged = self._judged(session, rows, since or self._registry.today, progress)
        return ImportReport([j.result for j in judged], done=False)

    def take_in(
        self,
        actor: Actor,
        opened: Callable[[], BinaryIO],
        progress: Progress | None = None,
        since: date | None = None,
        shown: str = "",
    ) -> ImportReport:
        """Every row, or none when one is refused (the report says why, ``done`` is False). ``shown``: the digest of the
        trial somebody agreed to. Raises Forbidden, Invalid, TooLarge, Conflict('receivers_changed').
        """
        require(actor, KEEPERS)
        rows = self._read(opened)
        with self._db.transaction() as session:
            judged = self._judged(session, rows, since or self._registry.today)
            report = ImportReport([j.result for j in judged], done=True)
            if shown and shown != report.digest:
                raise Conflict("receivers_changed")
            if not report.usable:
                return ImportReport(report.rows, done=False)
            for number, each in enumerate(judged, 1):
                self._write(session, actor, each)
                if progress is not None and (number % _STEP == 0 or number == len(rows)):
                    progress(number, len(rows))
            counts = {o.value: report.count(o) for o in Outcome if o is not Outcome.REFUSED}
            self._log.record(session, actor, "receiver.list_imported", object_kind="receiver", data=counts)
        return report

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _read(opened: Callable[[], BinaryIO]) -> list[TableRow]:
        with opened() as stream:
            size = stream.seek(0, 2)
        if size > MAX_BYTES:
            raise TooLarge("document_too_large")
        return list(table.read(opened))

    def _judged(
        self, session: Session, rows: Sequence[TableRow], since: date, progress: Progress | None = None
    ) -> list[_Judged]:
        """What each row comes to; the bodies on record under the file's codes stay locked meanwhile."""
        held = book.latest_by_code(session, [r.code for r in rows])
        known = {code: _Known(body, last.number, book.facts_of(last)) for code, (body, last) in held.items()}
        often, judged = Counter(r.code for r in rows), list[_Judged]()
        for row in rows:
            judged.append(self._judge(row, known.get(row.code), often[row.code], since))
            if progress is not None and (len(judged) % _STEP == 0 or len(judged) == len(rows)):
                progress(len(judged), len(rows))
        return judged

    def _judge(self, row: TableRow, known: _Known | None, times: int, since: date) -> _Judged:
        found = [RowFault(column, code) for column, code in row.faults]
        facts = row.facts
        if facts is not None:
            facts, wrong = self._checked(facts)
            found += wrong
        if times > 1:
            found.append(RowFault(CODE, "code_twice"))
        if found or facts is None:
            return _Judged(RowResult(row.line, row.code, row.name, Outcome.REFUSED, tuple(found)))
        if known is None:
            return _Judged(RowResult(row.line, row.code, facts.name, Outcome.NEW), facts)
        facts = continued(known.facts, facts, since)
        differs = tuple(FIELD_LABELS[n] for n in changes(known.facts, facts))
        if not differs:
            return _Judged(RowResult(row.line, row.code, facts.name, Outcome.UNCHANGED))
        return _Judged(RowResult(row.line, row.code, facts.name, Outcome.CHANGED, changed=differs), facts, known)

    def _checked(self, facts: ReceiverFacts) -> tuple[ReceiverFacts, list[RowFault]]:
        try:
            return self._registry.checked(facts), []
        except Invalid as error:
            return facts, [RowFault(FIELD_LABELS[f.pointer.lstrip("/")], f.code) for f in error.faults]

    def _write(self, session: Session, actor: Actor, each: _Judged) -> None:
        if each.facts is None:
            return
        if each.known is not None:
            self._registry.append(session, actor, each.known.receiver, each.known.number + 1, each.facts)
            return
        body = Receiver(id=new_id(), code=each.result.code, created_at=self._clock.now())
        session.add(body)
        self._registry.append(session, actor, body, 1, each.facts)
