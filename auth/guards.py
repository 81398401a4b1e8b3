"""Default-deny: every view says who may enter, or stands on the written list of public ones."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from flask import Flask, current_app, g, request

from app.actors import FRESHNESS, Actor, ActorKind, Assurance, Purpose, Role
from app.errors import Forbidden, StepUpRequired, Unauthenticated
from app.ports import Clock
from app.web import request_id
from auth.factors import FactorService
from auth.partners import PartnerService
from auth.rules import Scope
from auth.sessions import SessionService, SessionView

View = TypeVar("View", bound=Callable[..., Any])
STAFF_COOKIE = "lantai_staff"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"


class GuardParts(Protocol):
    """What guards need of the wired application."""

    @property
    def sessions(self) -> SessionService: ...
    @property
    def factors(self) -> FactorService: ...
    @property
    def partners(self) -> PartnerService: ...
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


def current_machine() -> Actor:
    return cast(Actor, g.lantai_machine)


def machine(scope: Scope) -> Callable[[View], View]:
    """A partner client's credential as a bearer token, with this scope. Cookies and people's tokens open nothing."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            credential = bearer_token()
            if not credential:
                raise Unauthenticated("credential_required")
            g.lantai_machine = _parts().partners.resolve(credential, scope, request_id())
            return view(*args, **kwargs)

        _mark(guarded, f"partner {scope.value}")
        return cast(View, guarded)

    return decorate


def unguarded_routes(app: Flask) -> list[str]:
    """Endpoints whose view has no policy at all."""
    return sorted(name for name, view in app.view_functions.items() if policy_of(view) is None)
