"""What a bound person is told of their own matters: states and days, no name, no address, no content."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from app.actors import Actor
from app.completeness.views import CompletenessView
from app.corrections.rules import CLOSED
from app.corrections.views import TicketLine
from app.office_time import office_date
from app.transfers.showing import TransferView
from notifications.chat import texts
from notifications.chat.intents import Intent

RECENT_TICKETS = 50


class Transfers(Protocol):
    def of_graduate(self, actor: Actor, graduate_id: UUID) -> list[TransferView]: ...


class Tickets(Protocol):
    def tickets(self, actor: Actor, *, before: int | None, limit: int) -> list[TicketLine]: ...


class Completeness(Protocol):
    def of(self, actor: Actor, graduate_id: UUID) -> CompletenessView: ...


class Paper(Protocol):
    def words_for_graduate(self, actor: Actor) -> str: ...


def day_words(at: datetime | date) -> str:
    day = office_date(at) if isinstance(at, datetime) else at
    return f"{day.year}年{day.month}月{day.day}日"


class OwnFacts:
    """Live answers from the rooms that own the matters. Each reads as the graduate themselves and may raise what
    the room raises.
    """

    def __init__(self, transfers: Transfers, tickets: Tickets, completeness: Completeness, paper: Paper) -> None:
        self._transfers, self._tickets, self._completeness, self._paper = transfers, tickets, completeness, paper

    def answer(self, actor: Actor, intent: Intent) -> Sequence[str]:
        """The sentences for a personal intent; ``actor`` is the bound graduate."""
        if intent is Intent.TRANSFER:
            return [self._transfer(actor), texts.OPEN_APP]
        if intent is Intent.TICKET:
            return [self._ticket(actor), texts.OPEN_APP]
        if intent is Intent.MATERIALS:
            return self._materials(actor)
        return [self._transfer(actor), self._ticket(actor), *self._materials(actor)]

    def _transfer(self, actor: Actor) -> str:
        rows = self._transfers.of_graduate(actor, actor.id)
        if not rows:
            return texts.TRANSFER_NONE.format(paper=self._paper.words_for_graduate(actor) + "。")
        row = rows[0]
        said = texts.TRANSFER_STATE.format(state=row.state_label, day=day_words(row.moved_at), next=row.next_words)
        late = row.due is not None and row.due.overdue
        return f"{said}{texts.TRANSFER_LATE if late else ''}"

    def _ticket(self, actor: Actor) -> str:
        lines = self._tickets.tickets(actor, before=None, limit=RECENT_TICKETS)
        opened = [line for line in lines if line.state not in CLOSED]
        if opened:
            latest = opened[0]
            return texts.TICKETS_OPEN.format(
                count=len(opened), state=latest.state_label, day=day_words(latest.decide_by)
            )
        return texts.TICKET_LAST.format(state=lines[0].state_label) if lines else texts.TICKETS_NONE

    def _materials(self, actor: Actor) -> list[str]:
        found = self._completeness.of(actor, actor.id)
        if not found.lacking:
            return [texts.MATERIALS_DONE]
        own = found.own_lacking
        return [texts.MATERIALS_MISSING.format(count=len(found.lacking), own=len(own)), texts.MATERIALS_LIST]
