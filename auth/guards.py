"""Default-deny: every view says who may enter, or stands on the written list of public ones."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes

from flask import Flask, current_app, g, request

from app.actors import FRESHNESS, Actor, ActorKind, Assurance, Purpose, Role
from app.errors import Forbidden, NotFound, StepUpRequired, Unauthenticated
from app.ports import Clock
from app.settings import Settings
from app.spool import SealedSpool
from app.web import request_id
from auth.factors import FactorService
from auth.machine_keys import MachineKeys
from auth.partners import Admission, Known, PartnerService
from auth.rules import Scope
from auth.sessions import SessionService, SessionView
from auth.signatures import BodyDigest, SignedRequest

View = TypeVar("View", bound=Callable[..., Any])
STAFF_COOKIE = "lantai_staff"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
SIGNED_BY = ("Signature-Input", "Signature")
_BLOCK = 64 * 1024


class GuardParts(Protocol):
    """What guards need of the wired application."""

    @property
    def settings(self) -> Settings: ...
    @property
    def sessions(self) -> SessionService: ...
    @property
    def factors(self) -> FactorService: ...
    @property
    def partners(self) -> PartnerService: ...
    @property
    def machine_keys(self) -> MachineKeys: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def pepper(self) -> bytes: ...


def _parts() -> GuardParts:
    return cast(GuardParts, current_app.extensions["lantai"])


def _mark(view: Callable[..., Any], policy: str) -> None:
    view._lantai_policy = policy  # type: ignore[attr-defined]


def policy_of(view: Callable[..., Any]) -> str | None:
    """The guard's words for a view; None for an unguarded one (tests/test_routes.py lists the allowed)."""
    return getattr(view, "_lantai_policy", None)


def public(reason: str) -> Callable[[View], View]:
    """Open to everybody, for a written reason."""

    def decorate(view: View) -> View:
        _mark(view, f"public: {reason}")
        return view

    return decorate


def current_view() -> SessionView:
    return cast(SessionView, g.lantai_session)


def current_actor() -> Actor:
    return current_view().actor


def bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def graduate(
    level: Assurance = Assurance.L0_SESSION, *, bound: bool = True, purpose: Purpose | None = None
) -> Callable[[View], View]:
    """A graduate's session. ``bound``: joined to a dossier. ``purpose``: a fresh L3 step-up for it.

    A lack of assurance is answered with one documented problem that lists the acceptable next factors.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            token = bearer_token()
            if not token:
                raise Unauthenticated("session_required")
            found = _parts().sessions.resolve(token, request_id())
            if found.kind is not ActorKind.GRADUATE:
                raise Unauthenticated("session_required")
            g.lantai_session = found
            _check_graduate(found, level, bound, purpose)
            return view(*args, **kwargs)

        _mark(guarded, f"graduate level={level.name} bound={bound} purpose={purpose}")
        return cast(View, guarded)

    return decorate


def _check_graduate(found: SessionView, level: Assurance, bound: bool, purpose: Purpose | None) -> None:
    parts = _parts()
    if bound and not found.bound:
        raise Forbidden("binding_required", extra=_next(found, Assurance.L2_PROOFED, Purpose.BIND))
    if found.actor.assurance < level:
        raise StepUpRequired(extra=_next(found, level, purpose or Purpose.VIEW_DOSSIER))
    if purpose is not None and not found.actor.stepped_up_for(purpose, parts.clock.now()):
        raise StepUpRequired(extra=_next(found, Assurance.L3_STEPPED_UP, purpose))


def _next(found: SessionView, level: Assurance, purpose: Purpose) -> dict[str, Any]:
    return {
        "required_level": int(level),
        "current_level": int(found.actor.assurance),
        "purpose": purpose.value,
        "factors": [f.value for f in _parts().factors.offered(found)],
    }


def csrf_token(found: SessionView) -> str:
    """Bound to the session: a token of another session does not fit."""
    return hmac.digest(_parts().pepper, b"csrf" + found.id.bytes, "sha256").hex()


def check_csrf(found: SessionView) -> None:
    given = request.form.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(found).encode()):
        raise Forbidden("csrf_failed")


def staff(*roles: Role, passive: bool = False) -> Callable[[View], View]:
    """A staff session by cookie, with one of the roles (any role if none is named). Unsafe methods need the token.
    ``passive``: what a page asks by itself; it does not count as being there.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            token = request.cookies.get(STAFF_COOKIE, "")
            if not token:
                raise Unauthenticated("session_required")
            found = _parts().sessions.resolve(token, request_id(), passive=passive)
            if found.kind is not ActorKind.STAFF:
                raise Unauthenticated("session_required")
            g.lantai_session = found
            if request.method not in ("GET", "HEAD"):
                check_csrf(found)
            if roles and not found.actor.has_role(*roles):
                raise Forbidden("role_required")
            return view(*args, **kwargs)

        _mark(guarded, "staff " + (",".join(r.value for r in roles) or "any"))
        return cast(View, guarded)

    return decorate


def has_fresh_factor(max_age: timedelta = FRESHNESS) -> bool:
    """Whether the signed-in member of staff showed passkey or TOTP within ``max_age``."""
    return current_actor().fresh_factor(_parts().clock.now(), max_age)


def require_fresh_factor(max_age: timedelta = FRESHNESS) -> None:
    """For a staff act that asks for a factor shown anew, such as a second approval.

    Raises StepUpRequired('fresh_factor_required'); the console answers it with the form that takes one.
    """
    if not has_fresh_factor(max_age):
        raise StepUpRequired("fresh_factor_required", extra={"max_age": int(max_age.total_seconds())})


def note_fresh_factor(at: datetime) -> None:
    """What was shown in this very request counts in it."""
    found = current_view()
    g.lantai_session = replace(found, actor=replace(found.actor, factor_at=at))


def machine_admission() -> Admission | None:
    """Of the machine that was let in; None where none was."""
    admitted: Admission | None = g.get("lantai_admission")
    return admitted


def known_machine() -> Known | None:
    """The machine that has shown who it is, also where it was refused; None where none has."""
    known: Known | None = g.get("lantai_known_machine")
    return known


def _note_machine(known: Known) -> None:
    g.lantai_known_machine = known


def current_machine() -> Actor:
    return cast(Admission, g.lantai_admission).actor


def in_sandbox() -> bool:
    """Whether what the machine does must have no effect on anybody."""
    admitted = machine_admission()
    return admitted is not None and admitted.sandbox


def _wire_url() -> str:
    """The address as the client wrote it. Raises Unauthenticated where the server kept another than it routes by."""
    environ = request.environ
    routed = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    kept = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if kept is None:
        query = environ.get("QUERY_STRING", "")
        kept = quote(routed.encode("latin-1")) + (f"?{query}" if query else "")
    path, _, query = kept.partition("?")
    if unquote_to_bytes(path).decode("latin-1") != routed or query != environ.get("QUERY_STRING", ""):
        raise Unauthenticated("signature_wrong")
    return f"{request.scheme}://{request.host}{kept}"


def _signed_request() -> SignedRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    # chunked bodies do not say how long they are
    has_body = bool(request.content_length) or "transfer-encoding" in headers
    return SignedRequest(request.method, _wire_url(), headers, has_body)


def _check_body(content_digest: str) -> None:
    """Nothing of a body is acted on before all of it was seen to be the signed one: it waits sealed, in bounded memory,
    and the view reads it from there.
    """
    digest, spool = BodyDigest(content_digest), SealedSpool()
    while piece := request.stream.read(_BLOCK):
        digest.update(piece)
        spool.write(piece)
    digest.require_match()
    spool.seek(0)
    request.environ["wsgi.input"] = spool
    request.environ["wsgi.input_terminated"] = True
    request.__dict__.pop("stream", None)


def machine(scope: Scope) -> Callable[[View], View]:
    """A partner client with this scope: a request signed by one of its keys (RFC 9421), or its credential as a bearer
    token. A signature is never passed over for a token. Cookies and people's tokens open nothing.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            credential, parts = bearer_token(), _parts()
            if any(name in request.headers for name in SIGNED_BY):
                keys, signed = parts.machine_keys, _signed_request()
                g.lantai_admission = keys.admit(signed, scope, request_id(), _check_body, _note_machine)
            elif credential:
                g.lantai_admission = parts.partners.resolve(credential, scope, request_id(), _note_machine)
            else:
                raise Unauthenticated("credential_required")
            return view(*args, **kwargs)

        _mark(guarded, f"partner {scope.value}")
        return cast(View, guarded)

    return decorate


def operator(view: View) -> View:
    """The token of the settings as a bearer token. Where none is set the route does not exist."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        token = _parts().settings.metrics_token.get_secret_value()
        if not token:
            raise NotFound("route_not_found")
        if not hmac.compare_digest(bearer_token().encode(), token.encode()):
            raise Unauthenticated("metrics_token_required")
        return view(*args, **kwargs)

    _mark(guarded, "operator metrics token")
    return cast(View, guarded)


def unguarded_routes(app: Flask) -> list[str]:
    """Endpoints whose view has no policy at all."""
    return sorted(name for name, view in app.view_functions.items() if policy_of(view) is None)
