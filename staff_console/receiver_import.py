"""Taking in a list of receivers: the file, what it would do row by row, and doing just that.

The file that was tried out comes back packed in the page's own form, so that nothing has to be kept in between; the
registry checks it anew, and the digest of the trial says whether it is still the same.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from collections.abc import Callable
from datetime import date

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, FieldFault, Invalid, TooLarge
from app.problems import FAULT_WORDS, problem_of
from app.receivers.importing import MAX_BYTES, OUTCOME_LABELS, ImportReport, Outcome
from app.receivers.rules import KEEPERS
from app.receivers.table import COLUMNS, NEEDED, template
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.receivers import PATH
from staff_console.render import go, page

SHOWN = 200
_UPLOADS = frozenset({"console.receivers_try", "console.receivers_take_in"})
_OUTCOME_TONES = {
    Outcome.REFUSED: ("bad", "✕"),
    Outcome.CHANGED: ("work", "◐"),
    Outcome.NEW: ("done", "+"),
    Outcome.UNCHANGED: ("plain", "="),
}


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpacked(text: str) -> bytes:
    """Raises Invalid for what this page did not pack; never unpacks more than a file may hold."""
    try:
        engine = zlib.decompressobj()
        data = engine.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        data, engine = b"", None
    if engine is None or not engine.eof:
        raise Invalid("invalid_input", faults=[FieldFault("/list", "wrong", "请重新选择文件并预检")])
    return data


def _opened(data: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(data)


def _since() -> date:
    try:
        return date.fromisoformat(forms.text("since").strip())
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault("/since", "not_a_date")]) from None


def _uploaded() -> bytes:
    file = request.files.get("list")
    if file is None or not file.filename:
        raise Invalid("invalid_input", faults=[FieldFault("/list", "required")])
    data = file.stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise TooLarge("document_too_large")
    return data


def _page(
    status: int = 200, error: DomainError | None = None, report: ImportReport | None = None, data: bytes = b""
) -> Response:
    rows = [r for o in _OUTCOME_TONES for r in report.rows if r.outcome is o] if report is not None else []
    telling = [r for r in rows if r.outcome is not Outcome.UNCHANGED]
    return page(
        "receiver_import.html",
        status,
        report=report,
        rows=telling[:SHOWN],
        left_out=max(0, len(telling) - SHOWN),
        counts=[(o, label, report.count(o)) for o, label in OUTCOME_LABELS.items()] if report is not None else [],
        tones=_OUTCOME_TONES,
        labels=OUTCOME_LABELS,
        fault_words=lambda code: FAULT_WORDS.get(code, ("有误", ""))[0],
        packed=packed(data) if report is not None and report.usable else "",
        columns=list(COLUMNS),
        needed=NEEDED,
        today_iso=parts().receivers.today.isoformat(),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def add_receiver_import(console: Blueprint) -> None:
    @console.before_request
    def larger_list() -> None:
        if request.endpoint in _UPLOADS:
            request.max_content_length = request.max_form_memory_size = 2 * MAX_BYTES

    @console.get("/receivers/import")
    @desk(*KEEPERS)
    def receivers_import() -> Response:
        return _page()

    @console.get("/receivers/template.csv")
    @desk(*KEEPERS)
    def receivers_template() -> Response:
        response = Response(template(), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="receivers.csv"'
        return response

    @console.post("/receivers/import")
    @desk(*KEEPERS)
    def receivers_try() -> Response:
        try:
            data, since = _uploaded(), _since()
            report = parts().receiver_import.try_out(current_actor(), _opened(data), since=since)
        except (Invalid, TooLarge) as error:
            return _page(problem_of(error).status, error)
        return _page(report=report, data=data)

    @console.post("/receivers/import/take-in")
    @desk(*KEEPERS)
    def receivers_take_in() -> Response:
        try:
            data, since = unpacked(forms.text("list")), _since()
            report = parts().receiver_import.take_in(
                current_actor(), _opened(data), since=since, shown=forms.text("shown") or "-"
            )
        except (Invalid, TooLarge, Conflict) as error:
            return _page(problem_of(error).status, error)
        return go(PATH, "receivers_imported") if report.done else _page(422, None, report, data)
