"""One act on several tickets: each in a transaction of its own, each with its own result.

The form names the run before anything is done, so a second submission of it does nothing a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app.actors import Actor
from app.corrections.assigning import AssignmentService, How
from app.corrections.book import ticket_number
from app.corrections.desk import CorrectionDesk
from app.corrections.macros import MacroService
from app.corrections.models import Ticket
from app.corrections.queue_models import BulkLine, BulkRun, LineOutcome
from app.corrections.queues import require_desk
from app.corrections.replying import ReplyDesk
from app.db import Database
from app.errors import DomainError, FieldFault, Invalid, NotFound
from app.ports import Clock

MOST_LINES = 100


class Act(StrEnum):
    TAKE = "take"
    ASSIGN = "assign"
    REPLY = "reply"
    ASK = "ask"


ACT_LABELS: Mapping[Act, str] = {
    Act.TAKE: "受理，由我办理",
    Act.ASSIGN: "分派",
    Act.REPLY: "答复申请人",
    Act.ASK: "请申请人补充",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with each. ``to`` for ASSIGN; for REPLY and ASK a macro, else the words."""

    act: Act
    to: UUID | How | None = None
    macro_id: UUID | None = None
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ResultLine:
    ticket_id: UUID
    number: str
    outcome: LineOutcome
    code: str


@dataclass(frozen=True, slots=True)
class RunView:
    id: UUID
    act: Act
    at: datetime
    lines: Sequence[ResultLine]

    def count(self, outcome: LineOutcome) -> int:
        return sum(line.outcome is outcome for line in self.lines)


class BulkDesk:
    def __init__(
        self,
        db: Database,
        desk: CorrectionDesk,
        assigning: AssignmentService,
        replies: ReplyDesk,
        macros: MacroService,
        clock: Clock,
    ) -> None:
        self._db, self._desk, self._assigning = db, desk, assigning
        self._replies, self._macros, self._clock = replies, macros, clock

    def run(self, actor: Actor, run_id: UUID, order: Order, picked: Sequence[tuple[UUID, int]]) -> RunView:
        """Do it for every picked (ticket, version seen). What is refused is refused alone.

        Raises Invalid where nothing can be done for any: nothing or too much picked, nobody named, nothing to say.
        """
        require_desk(actor)
        picked = list({ticket_id: (ticket_id, version) for ticket_id, version in picked}.values())
        self._check(order, picked)
        for position, (ticket_id, version) in enumerate(picked):
            if self._claimed(actor, run_id, order, position, ticket_id):
                self._finish(run_id, ticket_id, *self._tried(actor, order, ticket_id, version))
        return self.result(actor, run_id)

    def result(self, actor: Actor, run_id: UUID) -> RunView:
        """One's own run. Raises NotFound."""
        require_desk(actor)
        with self._db.transaction() as session:
            run = session.get(BulkRun, run_id)
            if run is None or run.staff_id != actor.id:
                raise NotFound("bulk_run_not_found")
            rows = session.execute(
                select(BulkLine, Ticket)
                .join(Ticket, Ticket.id == BulkLine.ticket_id)
                .where(BulkLine.run_id == run_id)
                .order_by(BulkLine.position)
            ).all()
        lines = [ResultLine(line.ticket_id, ticket_number(ticket), line.outcome, line.code) for line, ticket in rows]
        return RunView(run.id, Act(run.act), run.created_at, lines)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _check(order: Order, picked: Sequence[tuple[UUID, int]]) -> None:
        faults = []
        if not picked:
            faults.append(FieldFault("/pick", "nothing_picked"))
        if len(picked) > MOST_LINES:
            faults.append(FieldFault("/pick", "too_many"))
        if order.act is Act.ASSIGN and order.to is None:
            faults.append(FieldFault("/to", "required"))
        if order.act in (Act.REPLY, Act.ASK) and order.macro_id is None and not order.words.strip():
            faults.append(FieldFault("/words", "macro_or_words"))
        if faults:
            raise Invalid("invalid_input", faults=faults)

    def _claimed(self, actor: Actor, run_id: UUID, order: Order, position: int, ticket_id: UUID) -> bool:
        """Whether this call is the one that does it. Raises NotFound for a run of somebody else's."""
        with self._db.transaction() as session:
            now = self._clock.now()
            session.execute(
                insert(BulkRun)
                .values(id=run_id, staff_id=actor.id, act=order.act.value, created_at=now)
                .on_conflict_do_nothing()
            )
            run = session.get_one(BulkRun, run_id)
            if run.staff_id != actor.id or run.act != order.act.value:
                raise NotFound("bulk_run_not_found")
            if session.get(Ticket, ticket_id) is None:
                return False
            added = session.execute(
                insert(BulkLine)
                .values(run_id=run_id, ticket_id=ticket_id, position=position, outcome=LineOutcome.BEGUN, code="")
                .on_conflict_do_nothing()
                .returning(BulkLine.ticket_id)
            )
            return added.first() is not None

    def _tried(self, actor: Actor, order: Order, ticket_id: UUID, version: int) -> tuple[LineOutcome, str]:
        try:
            self._act(actor, order)(ticket_id, version)
        except DomainError as error:
            fault = error.faults[0].code if isinstance(error, Invalid) and error.faults else ""
            return LineOutcome.REFUSED, fault or error.code
        return LineOutcome.DONE, ""

    def _act(self, actor: Actor, order: Order) -> Callable[[UUID, int], object]:
        def words(ticket_id: UUID) -> str:
            if order.macro_id is None:
                return order.words
            return self._macros.filled_for(actor, order.macro_id, ticket_id)

        acts: Mapping[Act, Callable[[UUID, int], object]] = {
            Act.TAKE: lambda t, v: self._desk.take(actor, t, v),
            Act.ASSIGN: lambda t, v: self._assigning.assign(actor, t, v, order.to or How.NOBODY),
            Act.REPLY: lambda t, v: self._replies.reply(actor, t, v, words(t)),
            Act.ASK: lambda t, v: self._desk.ask(actor, t, v, words(t)),
        }
        return acts[order.act]

    def _finish(self, run_id: UUID, ticket_id: UUID, outcome: LineOutcome, code: str) -> None:
        with self._db.transaction() as session:
            session.execute(
                update(BulkLine)
                .where(BulkLine.run_id == run_id, BulkLine.ticket_id == ticket_id)
                .values(outcome=outcome, code=code)
            )
