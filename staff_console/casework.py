"""The rest of the work on a ticket: release, note, edit, collect, the forming unit, merge, reopen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from app.corrections import rules
from app.corrections.casework import SentFile
from app.corrections.kinds import REASONS
from app.corrections.views import MissingMaterial, TicketView
from app.dossiers.rules import MATERIAL_CLASSES
from app.errors import FieldFault, Invalid
from auth.guards import current_actor
from staff_console import forms
from staff_console.drafts import page_key
from staff_console.gate import DESK, desk
from staff_console.materials import MAX_UPLOAD
from staff_console.parts import parts

FIELD = "field-"
WITH_FILE = ("console.collect_material", "console.unit_answered")
ACCEPTED = "image/jpeg,image/png,image/tiff,application/pdf,.ofd"
Decide = Callable[[UUID, Callable[[], TicketView], Callable[[TicketView], str]], Response]


def work_context(ticket: TicketView) -> dict[str, Any]:
    """What the forms of this file need on the ticket's page."""
    line = ticket.line
    others = parts().desk.tickets_of(current_actor(), line.graduate_id) if "merge" in ticket.moves else []
    return {
        "refusals": {code: REASONS[code] for code in rules.KINDS[line.kind].refusals},
        "others": [t for t in others if t.serial < line.serial and t.state not in rules.CLOSED],
        "material_classes": MATERIAL_CLASSES,
        "accepted_files": ACCEPTED,
        "when_labels": {p.code: p.when.value for p in ticket.proofs},
    }


def _sent_file() -> SentFile:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Invalid("invalid_input", faults=[FieldFault("/file", "required")])
    return SentFile(file.read(), file.mimetype or "")


def _missing() -> MissingMaterial:
    return MissingMaterial(forms.text("class_code"), forms.text("title"))


def _edited(current: Mapping[str, str]) -> dict[str, str]:
    """The fields that shall differ from the record as it stands."""
    values = {k.removeprefix(FIELD): forms.text(k).strip() for k in request.form if k.startswith(FIELD)}
    return {name: value for name, value in values.items() if value != current.get(name, "")}


def _rebase_to() -> int | None:
    value = request.form.get("rebase_to", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else None


def _survivor() -> UUID:
    try:
        return UUID(request.form.get("survivor", ""))
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault("/survivor", "required")]) from None


def add_casework(decide: Decide) -> Callable[[Blueprint], None]:
    """The routes; ``decide`` does an act and shows the ticket with what was refused."""

    def add(console: Blueprint) -> None:
        _add_words(console, decide)
        _add_files(console, decide)

    return add


def _add_words(console: Blueprint, decide: Decide) -> None:
    @console.post("/tickets/<uuid:ticket_id>/release")
    @desk(*DESK)
    def release(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework
        return decide(ticket_id, lambda: work.release(actor, ticket_id, forms.version()), lambda _: "ticket_released")

    @console.post("/tickets/<uuid:ticket_id>/internal-note")
    @desk(*DESK)
    def internal_note(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework
        return decide(
            ticket_id,
            lambda: work.note(actor, ticket_id, forms.text("internal"), page_key()),
            lambda _: "ticket_noted",
        )

    @console.post("/tickets/<uuid:ticket_id>/edit")
    @desk(*DESK)
    def edit_ticket(ticket_id: UUID) -> Response:
        actor = current_actor()

        def act() -> TicketView:
            version = forms.version()
            changes = _edited(parts().desk.ticket(actor, ticket_id).current)
            return parts().casework.edit(actor, ticket_id, version, changes, _rebase_to())

        return decide(ticket_id, act, lambda _: "ticket_edited")

    @console.post("/tickets/<uuid:ticket_id>/send-out")
    @desk(*DESK)
    def send_out(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework
        return decide(
            ticket_id,
            lambda: work.send_out(actor, ticket_id, forms.version(), forms.text("unit")),
            lambda _: "ticket_sent_out",
        )

    @console.post("/tickets/<uuid:ticket_id>/merge")
    @desk(*DESK)
    def merge_ticket(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework

        def act() -> TicketView:
            work.merge(actor, ticket_id, forms.version(), _survivor())
            return parts().desk.ticket(actor, ticket_id)

        return decide(ticket_id, act, lambda _: "ticket_merged")

    @console.post("/tickets/<uuid:ticket_id>/reopen")
    @desk(*DESK)
    def reopen_ticket(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework
        return decide(
            ticket_id,
            lambda: work.reopen(actor, ticket_id, forms.version(), forms.text("reopening")),
            lambda _: "ticket_reopened",
        )


def _add_files(console: Blueprint, decide: Decide) -> None:
    @console.before_request
    def larger_files() -> None:
        # before the guard reads the form: scans are larger than any other request
        if request.endpoint in WITH_FILE:
            request.max_content_length = MAX_UPLOAD

    @console.post("/tickets/<uuid:ticket_id>/collect")
    @desk(*DESK)
    def collect_material(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework
        return decide(
            ticket_id,
            lambda: work.collect(
                actor, ticket_id, forms.version(), _missing(), _sent_file(), forms.text("collect_note")
            ),
            lambda _: "ticket_collected",
        )

    @console.post("/tickets/<uuid:ticket_id>/unit-answered")
    @desk(*DESK)
    def unit_answered(ticket_id: UUID) -> Response:
        actor, work = current_actor(), parts().casework
        return decide(
            ticket_id,
            lambda: work.unit_answered(actor, ticket_id, forms.version(), _sent_file(), forms.text("unit_note")),
            lambda _: "ticket_unit_answered",
        )
