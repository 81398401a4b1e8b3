"""The ticket queue and one ticket: take, ask, accept, reject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from app.corrections import rules
from app.corrections.rules import State
from app.corrections.views import TicketView
from app.dossiers.rules import SECTIONS
from app.errors import Conflict, DomainError, Invalid, VersionMismatch
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, desk
from staff_console.home import dues
from staff_console.parts import parts
from staff_console.render import fragment, go, page, wants_fragment
from staff_console.words import due, local_day

AFTER_ACCEPT = {
    State.AWAITING_SECOND: "ticket_approved",
    State.APPLIED: "ticket_applied",
    State.RESOLVED: "ticket_resolved",
}


def _path(ticket_id: UUID) -> str:
    return f"/console/tickets/{ticket_id}"


def _record_rows(ticket: TicketView) -> list[dict[str, object]]:
    """Every field of the record as it stands, with what is asked for beside it."""
    if ticket.line.section is None:
        return []
    asked = {change.name: change for change in ticket.changes}
    return [
        {"label": rule.label, "now": ticket.current.get(name, ""), "change": asked.get(name)}
        for name, rule in SECTIONS[ticket.line.section].fields.items()
    ]


def _show(ticket: TicketView, status: int = 200, error: DomainError | None = None) -> Response:
    """One ticket; with an error, what was typed stays in the form it belongs to."""
    today = local_day(parts().clock.now())
    line = ticket.line
    return page(
        "ticket.html",
        status,
        ticket=ticket,
        line=line,
        kind=rules.KINDS[line.kind],
        rows=_record_rows(ticket),
        moves={m.value for m in ticket.moves},
        closed=line.state in rules.CLOSED,
        answer_due=due(line.answer_by, today),
        decide_due=due(line.decide_by, today),
        handler=parts().people.staff_names([line.assigned_to]).get(line.assigned_to) if line.assigned_to else None,
        reasons=rules.REJECTION_REASONS,
        problem=problem_of(error) if error is not None else None,
        stale_form=isinstance(error, VersionMismatch),
        typed=request.form,
        tried=request.path.rsplit("/", 1)[-1] if error is not None else "",
    )


def _decide(ticket_id: UUID, act: Callable[[], TicketView], note: Callable[[TicketView], str]) -> Response:
    try:
        done = act()
    except (Invalid, VersionMismatch, Conflict) as error:
        return _show(parts().desk.ticket(current_actor(), ticket_id), problem_of(error).status, error)
    return go(_path(ticket_id), note(done))


def _queue() -> Response:
    """The lines asked for; htmx gets them without the page around."""
    wanted = forms.QueueFilter.read(request.args)
    actor = current_actor()
    lines, total = parts().desk.queue(
        actor,
        states=wanted.states,
        kind=wanted.kind,
        mine=wanted.mine,
        overdue=wanted.overdue,
        offset=wanted.offset,
        limit=forms.PAGE_SIZE,
    )
    context: dict[str, Any] = {
        "wanted": wanted,
        "lines": lines,
        "total": total,
        "last": forms.last_page(total),
        "dues": dues(lines),
        "handlers": parts().people.staff_names([t.assigned_to for t in lines if t.assigned_to]),
        "closed_states": rules.CLOSED,
    }
    if wants_fragment():
        return fragment("_queue.html", **context)
    return page("queue.html", states=rules.STATE_LABELS, kinds=rules.KINDS, **context)


def add_tickets(console: Blueprint) -> None:
    @console.get("/tickets")
    @desk(*DESK)
    def queue() -> Response:
        return _queue()

    @console.get("/tickets/<uuid:ticket_id>")
    @desk(*DESK)
    def ticket(ticket_id: UUID) -> Response:
        found = parts().desk.ticket(current_actor(), ticket_id)
        if found.line.state not in rules.CLOSED:
            # the ticket says why its record and the dossier around it are opened, so nobody is asked again
            parts().purposes.open(
                current_actor(), found.line.graduate_id, "correction", reference=found.line.number, quiet=True
            )
        return _show(found)

    @console.post("/tickets/<uuid:ticket_id>/take")
    @desk(*DESK)
    def take(ticket_id: UUID) -> Response:
        actor = current_actor()
        return _decide(
            ticket_id, lambda: parts().desk.take(actor, ticket_id, forms.version()), lambda _: "ticket_taken"
        )

    @console.post("/tickets/<uuid:ticket_id>/ask")
    @desk(*DESK)
    def ask(ticket_id: UUID) -> Response:
        actor = current_actor()
        return _decide(
            ticket_id,
            lambda: parts().desk.ask(actor, ticket_id, forms.version(), forms.text("text")),
            lambda _: "ticket_asked",
        )

    @console.post("/tickets/<uuid:ticket_id>/accept")
    @desk(*DESK)
    def accept(ticket_id: UUID) -> Response:
        actor = current_actor()
        return _decide(
            ticket_id,
            lambda: parts().desk.accept(actor, ticket_id, forms.version(), forms.text("note")),
            lambda done: AFTER_ACCEPT[done.line.state],
        )

    @console.post("/tickets/<uuid:ticket_id>/reject")
    @desk(*DESK)
    def reject(ticket_id: UUID) -> Response:
        actor = current_actor()
        return _decide(
            ticket_id,
            lambda: parts().desk.reject(
                actor, ticket_id, forms.version(), forms.text("reason"), forms.text("explanation")
            ),
            lambda _: "ticket_rejected",
        )
