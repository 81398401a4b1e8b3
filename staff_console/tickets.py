"""One ticket: take, ask, accept, reject. The lists stand in queue.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from app.corrections import rules
from app.corrections.clock_words import answer_words, decision_words, left_words, pressing_words
from app.corrections.rules import Side, State
from app.corrections.views import TicketView
from app.dossiers.rules import SECTIONS
from app.errors import Conflict, DomainError, Invalid, StepUpRequired, VersionMismatch
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.casework import work_context
from staff_console.drafts import typed_on
from staff_console.fresh import ensure_fresh
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.render import go, page

AFTER_ACCEPT = {
    State.AWAITING_SECOND: "ticket_approved",
    State.APPLIED: "ticket_applied",
    State.RESOLVED: "ticket_resolved",
}


# the fields a person writes sentences in: what is shown to copy when the form itself is gone
WRITTEN = ("text", "note", "explanation", "internal", "unit", "reopening", "collect_note", "unit_note")


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


def _record_fields(ticket: TicketView) -> list[dict[str, str]]:
    """The record's fields with what each shall say: the proposed value, or the present one."""
    if ticket.line.section is None:
        return []
    asked = {change.name: change.after for change in ticket.changes}
    return [
        {"name": name, "label": rule.label, "value": asked.get(name, ticket.current.get(name, ""))}
        for name, rule in SECTIONS[ticket.line.section].fields.items()
    ]


def _shown(ticket: TicketView) -> dict[str, Any]:
    """What every page about one ticket needs."""
    line = ticket.line
    return {
        "ticket": ticket,
        "line": line,
        "closed": line.state in rules.CLOSED,
        "handler": parts().people.staff_names([line.assigned_to]).get(line.assigned_to) if line.assigned_to else None,
    }


def _show(ticket: TicketView, status: int = 200, error: DomainError | None = None) -> Response:
    """One ticket; with an error, what was typed stays in the form it belongs to, and else the reader's drafts."""
    line = ticket.line
    tried = request.path.rsplit("/", 1)[-1] if error is not None else ""
    return page(
        "ticket.html",
        status,
        **_shown(ticket),
        kind=rules.KINDS[line.kind],
        rows=_record_rows(ticket),
        moves={m.value for m in ticket.moves},
        pressing_due=pressing_words(line.clock, Side.STAFF),
        answer_due=answer_words(line.clock),
        decide_due=decision_words(line.clock, Side.STAFF),
        left_when_stopped=left_words(line.clock),
        **work_context(ticket),
        record_fields=_record_fields(ticket),
        problem=problem_of(error) if error is not None else None,
        stale_form=isinstance(error, VersionMismatch),
        typed=typed_on(line.id, tried),
        kept=next((v for f in WRITTEN if (v := request.form.get(f))), ""),
        tried=tried,
        undoable=parts().undoing.offer(current_actor(), ticket),
    )


def _opened(ticket_id: UUID) -> TicketView:
    """The ticket, with the reason for opening the dossier around it put on record."""
    found = parts().desk.ticket(current_actor(), ticket_id)
    if found.line.state not in rules.CLOSED:
        # the ticket says why its record and the dossier around it are opened, so nobody is asked again
        parts().purposes.open(
            current_actor(), found.line.graduate_id, "correction", reference=found.line.number, quiet=True
        )
    return found


def decide(ticket_id: UUID, act: Callable[[], TicketView], note: Callable[[TicketView], str]) -> Response:
    """Do it and go back to the ticket; what is refused is said on its page, with what was typed."""
    try:
        done = act()
    except (Invalid, VersionMismatch, Conflict) as error:
        return _show(parts().desk.ticket(current_actor(), ticket_id), problem_of(error).status, error)
    return go(_path(ticket_id), note(done))


def _accept(ticket_id: UUID) -> TicketView:
    """Where the desk asks for a factor shown again, the one in this form; nothing else spends it."""
    version, note = forms.version(), forms.text("note")
    try:
        return parts().desk.accept(current_actor(), ticket_id, version, note)
    except StepUpRequired:
        ensure_fresh()
    return parts().desk.accept(current_actor(), ticket_id, version, note)


def add_tickets(console: Blueprint) -> None:
    @console.get("/tickets/<uuid:ticket_id>")
    @desk(*DESK, whole=True)
    def ticket(ticket_id: UUID) -> Response:
        return _show(_opened(ticket_id))

    @console.get("/tickets/<uuid:ticket_id>/print")
    @desk(*DESK)
    def ticket_print(ticket_id: UUID) -> Response:
        return page("ticket_print.html", **_shown(_opened(ticket_id)))

    @console.post("/tickets/<uuid:ticket_id>/take")
    @desk(*DESK)
    def take(ticket_id: UUID) -> Response:
        actor = current_actor()
        return decide(ticket_id, lambda: parts().desk.take(actor, ticket_id, forms.version()), lambda _: "ticket_taken")

    @console.post("/tickets/<uuid:ticket_id>/ask")
    @desk(*DESK)
    def ask(ticket_id: UUID) -> Response:
        actor = current_actor()
        return decide(
            ticket_id,
            lambda: parts().desk.ask(actor, ticket_id, forms.version(), forms.text("text")),
            lambda _: "ticket_asked",
        )

    @console.post("/tickets/<uuid:ticket_id>/accept")
    @desk(*DESK)
    def accept(ticket_id: UUID) -> Response:
        return decide(ticket_id, lambda: _accept(ticket_id), lambda done: AFTER_ACCEPT[done.line.state])

    @console.post("/tickets/<uuid:ticket_id>/reject")
    @desk(*DESK)
    def reject(ticket_id: UUID) -> Response:
        actor = current_actor()
        return decide(
            ticket_id,
            lambda: parts().desk.reject(
                actor, ticket_id, forms.version(), forms.text("reason"), forms.text("explanation")
            ),
            lambda _: "ticket_rejected",
        )
