"""Redeeming a one-time link: the code comes by POST, from the address's fragment or typed, and names no one before."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, FieldFault, Invalid, NotFound, RateLimited
from app.problems import problem_of
from app.web import client_address
from auth.enrolment import Newcomer, Welcomed
from auth.guards import public
from auth.links import Offer
from auth.staff_models import LinkKind
from staff_console import forms
from staff_console.devices import device_words
from staff_console.fresh import ceremony_id
from staff_console.gate import refuse_foreign_origin
from staff_console.parts import parts
from staff_console.passkeys import ceremony
from staff_console.qr import qr_svg
from staff_console.render import go, page
from staff_console.sign_in import MAX_SECRET, keep_session

_EXPECTED = (Invalid, Conflict, RateLimited)


def _code() -> str:
    return forms.text("code").strip()[:MAX_SECRET]


def _who() -> Newcomer:
    return Newcomer(forms.text("username")[:MAX_SECRET], forms.text("display_name")[:MAX_SECRET])


def _device() -> str:
    return device_words(request.user_agent.string)


def _ask(status: int = 200, error: DomainError | None = None) -> Response:
    return _private(page("welcome.html", status, problem=problem_of(error) if error is not None else None))


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _offered(offer: Offer, status: int = 200, error: DomainError | None = None) -> Response:
    return _private(
        page(
            "welcome_offer.html",
            status,
            offer=offer,
            replaces=offer.kind is LinkKind.REPLACEMENT,
            code=_code(),
            qr=qr_svg(offer.totp_uri),
            problem=problem_of(error) if error is not None else None,
            typed=request.form,
        )
    )


def _again(error: DomainError) -> Response:
    """The offer with what is wrong; only the way to ask for another link when this one is spent."""
    try:
        return _offered(parts().enrolment.offer(_code(), client_address()), problem_of(error).status, error)
    except (NotFound, RateLimited) as gone:
        return _ask(problem_of(gone).status, gone)


def _by_password() -> Welcomed:
    if forms.text("password") != forms.text("repeated_password"):
        fault = FieldFault("/repeated_password", "wrong", "两次输入的密码不一致")
        raise Invalid("invalid_input", faults=[fault])
    return parts().enrolment.by_password(
        _code(),
        client_address(),
        _who(),
        forms.text("password")[: MAX_SECRET + 1],
        forms.text("second")[:MAX_SECRET],
        _device(),
    )


def add_welcome(console: Blueprint) -> None:
    @console.get("/welcome")
    @public("asks for the code of a one-time link")
    def welcome() -> Response:
        return _ask()

    @console.post("/welcome")
    @public("the code of a one-time link is what is checked")
    def welcome_offer() -> Response:
        refuse_foreign_origin()
        try:
            return _offered(parts().enrolment.offer(_code(), client_address()))
        except (NotFound, RateLimited) as error:
            return _ask(problem_of(error).status, error)

    @console.post("/welcome/password")
    @public("the code of a one-time link is what is checked")
    def welcome_by_password() -> Response:
        refuse_foreign_origin()
        try:
            done = _by_password()
        except (*_EXPECTED, NotFound) as error:
            return _again(error)
        return keep_session(_private(page("welcome_codes.html", codes=done.recovery_codes)), done.session)

    @console.post("/welcome/passkey/options")
    @public("the code of a one-time link is what is checked")
    def welcome_passkey_options() -> Response:
        refuse_foreign_origin()
        return ceremony(lambda: parts().enrolment.begin_passkey(_code(), client_address(), _who()))

    @console.post("/welcome/passkey")
    @public("the code of a one-time link is what is checked")
    def welcome_by_passkey() -> Response:
        refuse_foreign_origin()
        try:
            done = parts().enrolment.by_passkey(
                _code(),
                client_address(),
                _who(),
                forms.text("passkey_name"),
                ceremony_id(),
                forms.text("credential"),
                _device(),
            )
        except (*_EXPECTED, NotFound) as error:
            return _again(error)
        return keep_session(go("/console/"), done.session)
