"""The console's own guard: a staff session with a role, and an initial password that has been changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import request

from app.actors import Role
from app.errors import Forbidden
from auth.guards import staff
from staff_console.parts import me, parts

View = TypeVar("View", bound=Callable[..., Any])
DESK = (Role.ARCHIVIST, Role.REVIEWER)
READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
MOVERS = (Role.ARCHIVIST, Role.DISPATCHER)


def desk(*roles: Role, passive: bool = False, whole: bool = False) -> Callable[[View], View]:
    """``auth.guards.staff`` for every view but the few that lead out of the initial password.

    ``whole``: the view reads many things for one page, in one transaction: it shows one moment and spares a beginning
    and an end for each. Nothing it records may have to outlast its failure.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            with parts().db.transaction() if whole else nullcontext():
                found = me()
                if found is not None and found.must_change_password:
                    raise Forbidden("password_change_required")
                return view(*args, **kwargs)

        return staff(*roles, passive=passive)(cast(View, inner))

    return decorate


def refuse_foreign_origin() -> None:
    """For the one form without a session: another site may not post it (which would sign a victim in as somebody)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise Forbidden("csrf_failed")
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc not in (
        request.host,
        urlsplit(parts().settings.public_url).netloc,
    ):
        raise Forbidden("csrf_failed")


def safe_next(target: str) -> str:
    """A path inside the console, or its home: never another site and never the way out."""
    split = urlsplit(target)
    inside = split.path == "/console" or split.path.startswith("/console/")
    odd = "\\" in target or any(ord(c) < 33 for c in target) or split.path.startswith("/console/sign-")
    if split.scheme or split.netloc or not inside or odd:
        return "/console/"
    return f"{split.path}?{split.query}" if split.query else split.path
