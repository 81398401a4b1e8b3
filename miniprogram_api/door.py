"""What every route of the graduates' door shares: the blueprint, paging, versions and idempotent POSTs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from apiflask import APIBlueprint
from flask import Response, current_app, json, make_response, request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import FieldFault, Invalid, PreconditionMissing
from app.idempotency import check_key
from auth.guards import current_actor
from parts import Lantai

api = APIBlueprint("api", __name__, url_prefix="/api/v1")
PAGE_DEFAULT, PAGE_MOST = 20, 100
_POSITION = re.compile(r"v1:([0-9]{1,18})")


class In(BaseModel):
    """A request body or query: unknown members are refused, text is not coerced from numbers."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Out(BaseModel):
    """A reply, filled from a service's frozen view."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class PageIn(In):
    cursor: str | None = Field(None, max_length=64, description="`next` of the page before")
    limit: int = Field(PAGE_DEFAULT, ge=1, le=PAGE_MOST)


T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])


def lantai() -> Lantai:
    return cast(Lantai, current_app.extensions["lantai"])


def read_cursor(cursor: str | None) -> int | None:
    """Cursors are opaque to clients. Raises Invalid for one we did not make."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"==").decode("ascii")
    except (ValueError, binascii.Error, UnicodeError):
        text = ""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise Invalid("unknown_query", faults=[FieldFault("/cursor", "wrong")])
    return int(found.group(1))


def page_of(items: Sequence[T], limit: int, position: Callable[[T], int]) -> tuple[Sequence[T], str | None]:
    """(the page, next cursor) out of ``limit + 1`` items asked for."""
    if len(items) <= limit:
        return items, None
    last = position(items[limit - 1])
    return items[:limit], base64.urlsafe_b64encode(f"v1:{last}".encode()).decode().rstrip("=")


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def if_match() -> int:
    """The version the client saw. Raises PreconditionMissing (428), Invalid."""
    given = request.headers.get("If-Match")
    if given is None:
        raise PreconditionMissing()
    value = given.strip().removeprefix("W/").strip('"')
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise Invalid("if_match_malformed")
    return int(value)


def idempotency_key() -> str:
    """Raises PreconditionMissing without one, Invalid for a malformed one."""
    return check_key(request.headers.get("Idempotency-Key"))


def idempotent(work: Callable[[], tuple[int, Out, int | None]], *, digest: bytes | None = None) -> Response:
    """Run ``work`` -> (status, reply, version for the ETag) once per Idempotency-Key; retries get the stored reply."""

    def job() -> tuple[int, Any]:
        status, reply, version = work()
        return status, {"reply": reply.model_dump(mode="json"), "version": version}

    # the path and the version asked for are part of what must not change under one key
    body = digest if digest is not None else request.get_data()
    fingerprint = b"|".join((request.headers.get("If-Match", "").encode(), request.path.encode(), body))
    rule = str(request.url_rule)
    done = lantai().idempotency.run(current_actor(), idempotency_key(), rule, fingerprint, job)
    response = make_response(json.dumps(done.body["reply"], ensure_ascii=False), done.status)
    response.content_type = "application/json"
    if done.body["version"] is not None:
        response.headers.update(etag(done.body["version"]))
    if done.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def body_up_to(limit: int) -> Callable[[View], View]:
    """Raise the house's body limit for one route; stands above the route's ``api.input``."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            request.max_content_length = limit
            return view(*args, **kwargs)

        return cast(View, limited)

    return decorate


@api.before_request
def refuse_unknown_query() -> None:
    """A route that declares no query takes none."""
    view = current_app.view_functions.get(request.endpoint or "")
    spec = getattr(view, "_spec", {})
    if request.args and not any(location == "query" for _, location in spec.get("args", [])):
        raise Invalid("unknown_query", faults=[FieldFault(f"/{name}", "unknown_field") for name in request.args])
