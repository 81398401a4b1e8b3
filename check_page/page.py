"""“是学校发的吗？”: anybody asks by a message's check-code whether it is ours, without an account or a session.

The code comes by POST alone, so that it stands in no address and no log. There is no session that a foreign site could
ride on, so there is no token against it either.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast

from apiflask import APIBlueprint
from flask import Flask, Response, current_app, make_response, render_template, request

from app.problems import Problem
from app.web import client_address, render_problems_with
from auth.guards import public
from parts import Lantai

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def _lantai() -> Lantai:
    return cast(Lantai, current_app.extensions["lantai"])


def _page(style: str, seal: str, status: int = 200, **context: object) -> Response:
    settings = _lantai().settings
    house = {"school": settings.school_name, "office": settings.archive_office, "phone": settings.archive_phone}
    return make_response(render_template("check/page.html", style=style, seal=seal, **house, **context), status)


def _protect(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def create_check_page(style: str, seal: str) -> APIBlueprint:
    """``style`` and ``seal`` are addresses of the house's style sheet and sign."""
    blueprint = APIBlueprint("check", __name__, template_folder="templates", enable_openapi=False)
    page = partial(_page, style, seal)

    @blueprint.get("/check")
    @public("asks for a check-code and reads nothing")
    def check() -> Response:
        return page()

    @blueprint.post("/check")
    @public("tells of a check-code only whether it is ours, of what kind and from which day")
    def check_code() -> Response:
        typed = request.form.get("code", "")
        if not typed.strip():
            return page(422, lacking=True)
        return page(asked=True, found=_lantai().message_checks.ask(typed, client_address()))

    def in_words(problem: Problem) -> Response:
        return _protect(page(problem.status, problem=problem))

    blueprint.after_request(_protect)
    # whoever doubts a message reads a page, whatever goes wrong: the database away, a wrong method
    blueprint.record(lambda state: render_problems_with(cast(Flask, state.app), "/check", in_words))
    return blueprint
