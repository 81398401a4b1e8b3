"""Taking a carrier's list of tracking numbers into an open batch: every line's verdict first, then just what was shown.

The file that was tried out comes back packed in the page's own form, so that nothing has to be kept in between.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, FieldFault, Invalid, TooLarge
from app.problems import FAULT_WORDS, problem_of
from app.transfers.waybill_table import SYNONYMS
from app.transfers.waybills import MAX_BYTES, WaybillReport
from app.wording.transfers import words_for
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import MOVERS, desk
from staff_console.parts import parts
from staff_console.receiver_import import packed, unpacked
from staff_console.render import go, page

SHOWN = 300
_UPLOADS = frozenset({"console.try_waybills", "console.take_waybills"})


def _said(code: str) -> str:
    found = FAULT_WORDS.get(code)
    return found[0] if found is not None else words_for(code)


def _page(
    batch_id: UUID,
    status: int = 200,
    error: DomainError | None = None,
    report: WaybillReport | None = None,
    data: bytes = b"",
) -> Response:
    lines = sorted(report.lines, key=lambda v: v.sound) if report is not None else []
    return page(
        "dispatch_waybills.html",
        status,
        batch=parts().dispatching.batch(current_actor(), batch_id),
        report=report,
        lines=lines[:SHOWN],
        left_out=max(0, len(lines) - SHOWN),
        said=_said,
        packed=packed(data) if report is not None and report.sound else "",
        synonyms=SYNONYMS,
        problem=problem_of(error) if error is not None else None,
    )


def _uploaded() -> bytes:
    file = request.files.get("list")
    if file is None or not file.filename:
        raise Invalid("invalid_input", faults=[FieldFault("/list", "required")])
    return file.stream.read(MAX_BYTES + 1)


def add_waybills(console: Blueprint) -> None:
    @console.before_request
    def larger_waybills() -> None:
        if request.endpoint in _UPLOADS:
            request.max_content_length = request.max_form_memory_size = 2 * MAX_BYTES

    @console.get("/dispatch/<uuid:dispatch_id>/list")
    @desk(*MOVERS)
    def dispatch_waybills(dispatch_id: UUID) -> Response:
        return _page(dispatch_id)

    @console.post("/dispatch/<uuid:dispatch_id>/list")
    @desk(*MOVERS)
    def try_waybills(dispatch_id: UUID) -> Response:
        parts().dispatching.batch(current_actor(), dispatch_id)
        try:
            data = _uploaded()
            report = parts().waybills.try_out(current_actor(), dispatch_id, data)
        except (Invalid, TooLarge, Conflict) as error:
            return _page(dispatch_id, problem_of(error).status, error)
        return _page(dispatch_id, report=report, data=data)

    @console.post("/dispatch/<uuid:dispatch_id>/list/take-in")
    @desk(*MOVERS)
    def take_waybills(dispatch_id: UUID) -> Response:
        parts().dispatching.batch(current_actor(), dispatch_id)
        try:
            data = unpacked(forms.text("list"))
            report = parts().waybills.take_in(
                current_actor(), dispatch_id, data, forms.text("shown"), sound_only=forms.ticked("sound_only")
            )
        except (Invalid, TooLarge, Conflict) as error:
            return _page(dispatch_id, problem_of(error).status, error)
        if not report.kept:
            return _page(dispatch_id, 422, None, report, data)
        return go(f"/console/dispatch/{dispatch_id}", "dispatch_imported")
