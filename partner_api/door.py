"""What every route for campus systems shares: the blueprint, bodies within limits, keys and cursors."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar, cast

from apiflask import APIBlueprint
from flask import Response, current_app, json, make_response, request
from pydantic import BaseModel, ValidationError

from app.errors import DomainError, FieldFault, Invalid
from app.idempotency import check_key
from app.web import PROBLEM_TYPE
from auth.guards import known_machine
from auth.partners import REQUESTS_PER_MINUTE, REQUESTS_WINDOW_S, Known
from auth.signatures import WANTED
from partner_api.describing import description_of
from parts import Lantai

machines = APIBlueprint("machines", __name__, url_prefix="/partner/api/v1", enable_openapi=False)
JSON_MOST = 512 * 1024
PAGE_DEFAULT, PAGE_MOST = 100, 500
FILE_TYPES = {
    "text/csv": ".csv",
    "application/zip": ".zip",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_POSITION = re.compile(r"v1:([0-9]{1,18})")
_DISPOSITION = re.compile(r"[^\x00-\x1f\\/\"<>|:*?]{1,120}")
M = TypeVar("M", bound=BaseModel)


@machines.after_request
def tell_what_is_left(response: Response) -> Response:
    """draft-ietf-httpapi-ratelimit-headers: the policies, and what is left of each. The window slides, so ``t`` is when
    all of what has been used is given back at the latest. And what was refused is counted.
    """
    known = known_machine()
    if known is not None:
        _tell_limits(response, known)
        if known.sandbox:
            response.headers["Lantai-Sandbox"] = "true"
        if response.mimetype == PROBLEM_TYPE:
            lantai().partner_refusals.note(known.client_id, response.status_code, response.get_json()["code"])
    if response.status_code == 401:
        response.headers["Accept-Signature"] = WANTED
    return response


def _tell_limits(response: Response, known: Known) -> None:
    told = [("client", REQUESTS_PER_MINUTE, known.left)] if known.left is not None else []
    if known.key is not None:
        told.append(("key", known.key.most, known.key.left))
    policies = ", ".join(f'"{name}";q={most};w={REQUESTS_WINDOW_S}' for name, most, _ in told)
    response.headers["RateLimit-Policy"] = policies
    response.headers["RateLimit"] = ", ".join(f'"{name}";r={left};t={REQUESTS_WINDOW_S}' for name, _, left in told)


def lantai() -> Lantai:
    return cast(Lantai, current_app.extensions["lantai"])


def batch_key() -> str:
    """The Idempotency-Key. Raises PreconditionMissing without one, Invalid for a malformed one."""
    return check_key(request.headers.get("Idempotency-Key"))


def reply(body: Any, status: int = 200, **headers: str) -> Response:
    response = make_response(json.dumps(body, ensure_ascii=False), status)
    response.content_type = "application/json"
    response.headers.update(headers)
    return response


# --- bodies -----------------------------------------------------------------------------------------------------------


def json_body(model: type[M]) -> M:
    """Raises Invalid: ``json_content_type``, ``json_malformed`` or ``invalid_input`` with a fault per member."""
    if request.mimetype != "application/json":
        raise Invalid("json_content_type")
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        raise _readable(error) from None
    except RecursionError:
        raise Invalid("json_malformed") from None


def _readable(error: ValidationError) -> DomainError:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if any(e["type"] == "json_invalid" for e in found):
        return Invalid("json_malformed")
    return Invalid(
        "invalid_input", faults=[FieldFault("/" + "/".join(str(p) for p in e["loc"]), e["type"]) for e in found]
    )


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it comes; ``stream`` is read once, from front to back."""

    name: str = field(repr=False)
    stream: BinaryIO = field(repr=False)


def upload() -> Upload:
    """The member ``file`` of a form, or the body itself under one of FILE_TYPES.

    Raises Invalid: ``batch_content_type``, ``file_required``.
    """
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            raise Invalid("file_required", faults=[FieldFault("/file", "required")])
        return Upload(_safe_name(file.filename or ""), cast(BinaryIO, file.stream))
    suffix = FILE_TYPES.get(request.mimetype)
    if suffix is None:
        raise Invalid("batch_content_type")
    name = _safe_name(request.args.get("name", "")) or "batch"
    return Upload(name if name.lower().endswith(suffix) else name + suffix, cast(BinaryIO, request.stream))


def _safe_name(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return last if _DISPOSITION.fullmatch(last) else ""


# --- reading ----------------------------------------------------------------------------------------------------------


def only_query() -> None:
    """Query fields the route does not describe are refused, so that a misspelt filter does not pass for everything."""
    described = description_of(current_app.view_functions[str(request.endpoint)]).query
    unknown = [n for n in request.args if n not in described]
    if unknown:
        raise Invalid("unknown_query", faults=[FieldFault(f"/{n}", "unknown_field") for n in unknown])


def page_asked() -> tuple[int, int]:
    """(position after which to go on, how many). Cursors are opaque. Raises Invalid."""
    limit = request.args.get("limit", str(PAGE_DEFAULT))
    if not (_LIMIT.fullmatch(limit) and int(limit) <= PAGE_MOST):
        raise Invalid("unknown_query", faults=[FieldFault("/limit", "wrong")])
    cursor = request.args.get("cursor")
    if cursor is None:
        return 0, int(limit)
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"==").decode("ascii")
    except (ValueError, binascii.Error, UnicodeError):
        text = ""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise Invalid("unknown_query", faults=[FieldFault("/cursor", "wrong")])
    return int(found.group(1)), int(limit)


def cursor(position: int) -> str:
    """Where the next page begins, opaque to clients."""
    return base64.urlsafe_b64encode(f"v1:{position}".encode()).decode().rstrip("=")
