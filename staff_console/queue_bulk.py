"""One act on the lines that are ticked."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.corrections import queue_rules
from app.corrections.assigning import How
from app.corrections.bulk import ACT_LABELS, Act, Order
from app.corrections.queue_models import LineOutcome
from app.errors import FieldFault, Invalid
from app.problems import FAULT_WORDS, WORDING
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.queue import PATH, address, from_form, show_queue
from staff_console.render import go, page

OUTCOME_WORDS = {
    LineOutcome.DONE: ("done", "✓", "已办"),
    LineOutcome.REFUSED: ("shut", "✕", "未办"),
    LineOutcome.BEGUN: ("wait", "…", "未确认"),
}
UNKNOWN = "服务中断，不知是否办成：请打开申请核对"
_PICK = re.compile(r"([0-9a-f-]{36}):(\d{1,9})")
_PARAMETER = re.compile(r"[（(]?\{[^{}]*\}[）)]?")


def read_uuid(value: str) -> UUID | None:
    try:
        return UUID(value) if len(value) == 36 else None
    except ValueError:
        return None


def read_to(name: str = "to") -> UUID | How | None:
    value = request.form.get(name, "")
    return How(value) if value in set(How) else read_uuid(value)


def reason_words(code: str) -> str:
    """Why one of many was refused, without the details that only its own page has."""
    words = WORDING.get(code) or FAULT_WORDS.get(code) or WORDING["conflict"]
    return _PARAMETER.sub("", words[0])


def _picked() -> list[tuple[UUID, int]]:
    found = [_PICK.fullmatch(value) for value in request.form.getlist("pick")]
    named = [(read_uuid(m.group(1)), int(m.group(2))) for m in found if m is not None]
    return [(ticket_id, version) for ticket_id, version in named if ticket_id is not None]


def _order() -> Order:
    return Order(
        forms.choice(Act, "act"), read_to(), read_uuid(request.form.get("macro", "")), words=forms.text("words")
    )


def _run_id() -> UUID:
    found = read_uuid(request.form.get("run", ""))
    if found is None:
        raise Invalid("invalid_input", faults=[FieldFault("/run", "required")])
    return found


def add_bulk(console: Blueprint) -> None:
    @console.post("/tickets/bulk")
    @desk(*DESK)
    def bulk() -> Response:
        try:
            done = parts().bulk.run(current_actor(), _run_id(), _order(), _picked())
        except Invalid as error:
            return show_queue(from_form(), 422, error)
        return go(f"{PATH}/bulk/{done.id}?{urlencode({'back': urlencode(from_form().pairs())})}")

    @console.get("/tickets/bulk/<uuid:bulk_id>")
    @desk(*DESK)
    def bulk_result(bulk_id: UUID) -> Response:
        found = parts().bulk.result(current_actor(), bulk_id)
        return page(
            "bulk_result.html",
            run=found,
            label=ACT_LABELS[found.act],
            counts={o.value: found.count(o) for o in LineOutcome},
            outcomes=OUTCOME_WORDS,
            reason=lambda line: UNKNOWN if line.outcome is LineOutcome.BEGUN else reason_words(line.code),
            back=_back(request.args.get("back", "")),
        )


def _back(query: str) -> str:
    """The list the form stood on, read again: nothing of the address is taken as it came."""
    return address(queue_rules.read(dict(parse_qsl(query))))
