"""The receiving archive's page: opened by the code on the slip, without an account and without a session.

The slip's id comes in the address, for the QR code must lead somewhere; the code comes by POST alone and is asked again
with every form. There is no session that a foreign site could ride on, so there is no token against it either.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, make_response, render_template, request

from app.errors import Conflict, DomainError, Invalid, NotFound, RateLimited
from app.problems import Problem, problem_of
from app.transfers.counting import Count, CountingSheet
from app.web import client_address, tell_when
from auth.guards import public
from parts import Lantai

MOST_TYPED = 64
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_EXPECTED = (Invalid, Conflict, NotFound, RateLimited)


def _lantai() -> Lantai:
    return cast(Lantai, current_app.extensions["lantai"])


def _typed(name: str, most: int = MOST_TYPED) -> str:
    return request.form.get(name, "")[: most + 1]


def _slip_id(text: str) -> UUID | None:
    """None for what is no id: it is answered as an unknown one."""
    try:
        return UUID(text[:MOST_TYPED])
    except ValueError:
        return None


def _count() -> Count:
    return Count(
        _typed("receipt_number"),
        _typed("counted_by"),
        request.form.get("all_as_listed") == "yes",
        {name: text[:MOST_TYPED] for name, text in request.form.items() if name.startswith(("items_", "pages_"))},
    )


def _page(style: str, seal: str, template: str, status: int = 200, **context: object) -> Response:
    settings = _lantai().settings
    house = {"school": settings.school_name, "office": settings.archive_office, "phone": settings.archive_phone}
    return make_response(render_template(f"receipt/{template}", style=style, seal=seal, **house, **context), status)


def _protect(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def create_receipt_page(style: str, seal: str) -> APIBlueprint:
    """``style`` and ``seal`` are addresses of the house's style sheet and sign."""
    blueprint = APIBlueprint("receipt", __name__, template_folder="templates", enable_openapi=False)

    page = partial(_page, style, seal)

    def ask(slip: str, problem: Problem | None = None) -> Response:
        known = _slip_id(slip)
        status = 200 if problem is None else problem.status
        asked = page("code.html", status, slip="" if known is None else str(known), problem=problem)
        return asked if problem is None else tell_when(asked, problem)

    def shown(sheet: CountingSheet, problem: Problem | None = None) -> Response:
        if sheet.outcome is not None:
            return page("done.html", sheet=sheet)
        status = 200 if problem is None else problem.status
        return page("count.html", status, sheet=sheet, slip=_typed("slip"), code=_typed("code"), problem=problem)

    def again(error: DomainError) -> Response:
        """The catalogue with what is wrong; without it where the code no longer opens it."""
        problem = problem_of(error)
        if isinstance(error, NotFound | RateLimited):
            return ask(_typed("slip"), problem)
        try:
            sheet = _lantai().counting.open(_slip_id(_typed("slip")), _typed("code"), client_address())
        except (NotFound, RateLimited) as gone:
            return ask(_typed("slip"), problem_of(gone))
        return shown(sheet, problem)

    @blueprint.get("/receipt")
    @public("asks for the code on the slip and reads nothing")
    def receipt() -> Response:
        return ask(request.args.get("slip", ""))

    @blueprint.post("/receipt")
    @public("the one-time code on the slip is what is checked")
    def receipt_open() -> Response:
        try:
            return shown(_lantai().counting.open(_slip_id(_typed("slip")), _typed("code"), client_address()))
        except _EXPECTED as error:
            return ask(_typed("slip"), problem_of(error))

    @blueprint.post("/receipt/count")
    @public("the one-time code on the slip is what is checked")
    def receipt_count() -> Response:
        try:
            counted = _lantai().counting.count(_slip_id(_typed("slip")), _typed("code"), client_address(), _count())
        except _EXPECTED as error:
            return again(error)
        return shown(counted)

    blueprint.after_request(_protect)
    return blueprint
