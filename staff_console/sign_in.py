"""Signing in with user name, password and a second factor; signing out."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.errors import DomainError, RateLimited, Unauthenticated
from app.problems import problem_of
from app.web import client_address
from auth.guards import STAFF_COOKIE, current_actor, public, staff
from auth.sessions import Issued
from staff_console import forms
from staff_console.devices import device_words
from staff_console.gate import refuse_foreign_origin, safe_next
from staff_console.parts import parts
from staff_console.render import cookies_secure, go, page

MAX_SECRET = 200


def keep_session(response: Response, issued: Issued) -> Response:
    """A cookie of this browser session only; the server's own limits end it earlier."""
    response.set_cookie(
        STAFF_COOKIE, issued.token, path="/console", httponly=True, samesite="Strict", secure=cookies_secure()
    )
    return response


def drop_session(response: Response) -> Response:
    response.delete_cookie(STAFF_COOKIE, path="/console", httponly=True, samesite="Strict", secure=cookies_secure())
    return response


def sign_in_page(status: int = 200, error: DomainError | None = None, username: str = "") -> Response:
    return page(
        "sign_in.html",
        status,
        problem=problem_of(error) if error is not None else None,
        username=username,
        next_path=safe_next(request.values.get("next", "")),
        expired=request.args.get("expired") == "1",
    )


def add_sign_in(console: Blueprint) -> None:
    @console.get("/sign-in")
    @public("the form that makes a session")
    def sign_in() -> Response:
        return sign_in_page()

    @console.post("/sign-in")
    @public("makes a session from password and second factor")
    def sign_in_done() -> Response:
        refuse_foreign_origin()
        username, password, second = (forms.text(n)[:MAX_SECRET] for n in ("username", "password", "second"))
        try:
            issued = parts().staff.sign_in(
                username, password, second.strip(), client_address(), device_words(request.user_agent.string)
            )
        except (Unauthenticated, RateLimited) as error:
            return sign_in_page(problem_of(error).status, error, username[:40])
        return keep_session(go(safe_next(forms.text("next"))), issued)

    @console.post("/sign-out")
    @staff()
    def sign_out() -> Response:
        parts().sessions.revoke(current_actor())
        return drop_session(go("/console/sign-in", "signed_out"))
