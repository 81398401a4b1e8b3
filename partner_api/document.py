"""The OpenAPI 3.1 document of the machines' door, made of the URL map, the guards and what routes say of themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal

from flask import Response, current_app
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from werkzeug.routing import Rule

from app.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionMissing,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from app.imports.rules import RowOutcome
from app.problems import status_of
from app.web import PROBLEM_TYPE
from auth.guards import policy_of, public
from auth.rules import SCOPE_LABELS, Scope
from auth.signatures import WANTED
from notifications.public_events import EVENT_TYPES
from notifications.webhook_rules import Message
from partner_api import door
from partner_api.describing import BINARY, JSON, Answer, Description, describes, description_of
from partner_api.door import FILE_TYPES, PAGE_DEFAULT, PAGE_MOST, machines
from partner_api.ingest import STARTS
from partner_api.replies import Problem

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OPEN = "description"
"""The tag of routes that ask for no credential; the others' is their scope."""
REFERENCE = "#/components/schemas/{model}"
Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_DIGITS: Schema = {"type": "string", "pattern": "^[0-9]+$"}


def _words(kind: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [str(w) for w in kind]}


_TYPES: Schema = {"type": "string", "enum": sorted(EVENT_TYPES)}
# by route and name where a name means two things, else by name
QUERY: Mapping[str, tuple[Schema, str]] = {
    "cursor": (_TEXT, "`next` of the page before; opaque"),
    "events.cursor": (_TEXT, "`next` of the page before; opaque. `latest` for what is to come"),
    "limit": ({"type": "integer", "minimum": 1, "maximum": PAGE_MOST, "default": PAGE_DEFAULT}, "Items on a page"),
    "name": (_TEXT, "The file's name, where the body is the file itself"),
    "outcome": (_words(RowOutcome), "Only rows that ended so"),
    "start": ({"type": "string", "enum": list(STARTS)}, "A dry run, the import, or (empty) neither for now"),
    "state": (_words(Message), "Only messages in this state"),
    "type": (_TYPES, "Only messages of this type"),
    "types": ({"type": "array", "items": _TYPES}, "Only these types, with commas between them"),
}
REQUEST_HEADERS: Mapping[str, tuple[Schema, str]] = {
    "Idempotency-Key": ({"type": "string", "pattern": r"^[A-Za-z0-9_\-]{8,64}$"}, "Retries with the same key replay"),
    "Range": (_TEXT, "RFC 9110 §14.2: one range of bytes"),
    "If-Range": (_TEXT, "RFC 9110 §13.1.5: the ETag under which the first part came"),
    "If-Match": (_TEXT, "RFC 9110 §13.1.1"),
    "If-None-Match": (_TEXT, "RFC 9110 §13.1.2"),
}
HEADERS: Mapping[str, tuple[Schema, str]] = {
    "Accept-Signature": ({"const": WANTED}, "RFC 9421 §5.1: what a signature has to cover"),
    "Accept-Ranges": ({"const": "bytes"}, "Single ranges are answered"),
    "Content-Disposition": (_TEXT, "Always a download, with the file's name"),
    "Content-Range": (_TEXT, "RFC 9110 §14.4"),
    "ETag": ({"type": "string", "pattern": '^"[0-9a-f]{64}"$'}, "SHA-256 of the whole cipher text"),
    "Idempotent-Replayed": ({"const": "true"}, "The stored reply of an earlier request with this key"),
    "Lantai-Sandbox": ({"const": "true"}, "The credential is one of the sandbox: nobody is affected"),
    "Location": ({"type": "string", "format": "uri-reference"}, "The batch or the notice"),
    "RateLimit": (
        {"type": "string", "pattern": '^"(client|key)";r=[0-9]+;t=[0-9]+(, "key";r=[0-9]+;t=[0-9]+)?$'},
        "What is left, and seconds until all is",
    ),
    "RateLimit-Policy": (
        {"type": "string", "pattern": '^"(client|key)";q=[0-9]+;w=[0-9]+(, "key";q=[0-9]+;w=[0-9]+)?$'},
        "Requests in so many seconds, of the client and of a key with a limit of its own",
    ),
    "Repr-Digest": ({"type": "string", "pattern": "^sha-256=:.+:$"}, "RFC 9530, of the whole cipher text"),
    "Retry-After": (_DIGITS, "Seconds"),
    "WWW-Authenticate": ({"type": "string", "pattern": "^Bearer "}, "RFC 6750"),
}
LIMITS = ("RateLimit", "RateLimit-Policy")
NEEDED = {
    401: ("WWW-Authenticate", "Accept-Signature"),
    403: LIMITS,
    416: ("Content-Range",),
    429: ("Retry-After", *LIMITS),
    503: ("Retry-After",),
}
"""Headers of problems, by status."""
KNOWN = ("Lantai-Sandbox", *LIMITS)
"""What the door tells a machine that has shown who it is, whatever it answers."""
BY_THE_SERVER = (414, 431)
"""Refused before the door is asked, and so before anybody is known."""

# --- problems ---------------------------------------------------------------------------------------------------------

# what the server answers before any route is asked has no exception of ours
BEFORE_ROUTES: Mapping[int, tuple[str, ...]] = {
    400: ("malformed",),
    414: ("address_too_long",),
    431: ("headers_too_large",),
    500: ("internal_error", "sealed_value_damaged"),
}
ANY = (Invalid("unknown_query"), Unavailable(), Unavailable("database_unavailable"))
GUARDED = (
    *(Unauthenticated("credential_required"), Unauthenticated("credential_refused")),
    Unauthenticated("signature_malformed"),
    Unauthenticated("signature_missing_component"),
    Unauthenticated("signature_expired"),
    Unauthenticated("signature_wrong"),
    Unauthenticated("signature_replayed"),
    *(Unauthenticated("digest_unreadable"), Unauthenticated("digest_mismatch"), Unavailable("nonces_unavailable")),
    *(Forbidden("scope_required"), RateLimited(), Conflict("busy")),
)
NAMED = (NotFound("route_not_found"),)
KEYED = (PreconditionMissing("idempotency_key_required"), Invalid("idempotency_key_malformed"))
SAID = (Invalid("json_malformed"), Invalid("json_content_type"), Invalid("invalid_input"), TooLarge())
SENT = (Invalid("batch_content_type"), TooLarge(), Unavailable("file_store_unavailable"))


def _raised(rule: Rule, told: Description, guarded: bool) -> Iterator[DomainError]:
    yield from ANY
    yield from GUARDED if guarded else ()
    yield from NAMED if rule.arguments else ()
    yield from KEYED if told.key else ()
    yield from SAID if told.body is not None else ()
    yield from SENT if told.file else ()
    yield from told.raises


def _problems(rule: Rule, told: Description, guarded: bool) -> dict[str, Any]:
    codes: dict[int, set[str]] = {status: set(names) for status, names in BEFORE_ROUTES.items()}
    for error in _raised(rule, told, guarded):
        codes.setdefault(status_of(error), set()).add(error.code)
    if "Range" in told.headers:
        codes[416] = {"range_not_satisfiable"}
    return {str(status): _problem(status, sorted(names), guarded) for status, names in codes.items()}


def _problem(status: int, codes: list[str], guarded: bool) -> dict[str, Any]:
    always = NEEDED.get(status, ())
    told = KNOWN if guarded and status not in BY_THE_SERVER else ()
    schema = {
        "allOf": [{"$ref": REFERENCE.format(model=Problem.__name__)}],
        "properties": {"code": {"enum": codes}, "status": {"const": status}},
    }
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(always, tuple(name for name in told if name not in always)),
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }


# --- answers and questions --------------------------------------------------------------------------------------------


class _Shapes:
    """The schemas of every shape there is, gathered first so that each stands once under its name."""

    def __init__(self, told: list[Description]) -> None:
        shapes: dict[tuple[Any, JsonSchemaMode], None] = {(Problem, "serialization"): None}
        for each in told:
            shapes |= dict.fromkeys(_shapes_of(each))
        asked = [(key, key[1], TypeAdapter(key[0])) for key in shapes]
        made, gathered = TypeAdapter.json_schemas(asked, ref_template=REFERENCE)
        self.named: Schema = gathered["$defs"]
        self._made = {key: schema for (key, _), schema in made.items()}

    def of(self, shape: Any, mode: Literal["validation", "serialization"]) -> Schema:
        return self._made[(shape, mode)]


def _shapes_of(told: Description) -> Iterator[tuple[Any, JsonSchemaMode]]:
    if told.body is not None:
        yield told.body, "validation"
    for answer in told.answers.values():
        if answer.shape is not None:
            yield answer.shape, "serialization"


def _headers(needed: tuple[str, ...], others: tuple[str, ...]) -> dict[str, Any]:
    told = [(name, True) for name in needed] + [(name, False) for name in others]
    return {
        name: {"schema": HEADERS[name][0], "description": HEADERS[name][1], "required": always} for name, always in told
    }


def _answer(status: int, answer: Answer, shapes: _Shapes, guarded: bool) -> dict[str, Any]:
    schema = shapes.of(answer.shape, "serialization") if answer.shape is not None else {}
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    may_have = (*answer.may_have, *(("Lantai-Sandbox",) if guarded else ()))
    found["headers"] = _headers((*answer.headers, *(LIMITS if guarded else ())), may_have)
    if answer.media:
        found["content"] = {media: {"schema": schema} for media in answer.media}
    return found


def _body(told: Description, shapes: _Shapes) -> dict[str, Any] | None:
    if told.body is not None:
        return {"required": True, "content": {JSON: {"schema": shapes.of(told.body, "validation")}}}
    if not told.file:
        return None
    file: Schema = {"type": "string", "contentMediaType": BINARY}
    form = {"type": "object", "required": ["file"], "properties": {"file": file}}
    media = {"multipart/form-data": {"schema": form}, **{name: {"schema": {}} for name in FILE_TYPES}}
    return {"required": True, "content": media}


def _parameters(rule: Rule, name: str, told: Description) -> Iterator[dict[str, Any]]:
    for argument in sorted(rule.arguments):
        words = told.path.get(argument)
        schema: Schema = {"type": "string", "enum": sorted(words)} if words else {"type": "string", "format": "uuid"}
        yield {"name": argument, "in": "path", "required": True, "schema": schema}
    for asked in told.query:
        schema, meaning = QUERY.get(f"{name}.{asked}", QUERY[asked])
        listed = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
        yield {"name": asked, "in": "query", "schema": schema, "description": meaning, **listed}
    for header in (*(("Idempotency-Key",) if told.key else ()), *told.headers):
        schema, meaning = REQUEST_HEADERS[header]
        needed = header == "Idempotency-Key"
        yield {"name": header, "in": "header", "required": needed, "schema": schema, "description": meaning}


# --- the document -----------------------------------------------------------------------------------------------------


def _operation(rule: Rule, view: Callable[..., Any], shapes: _Shapes) -> dict[str, Any]:
    told, policy = description_of(view), policy_of(view) or ""
    guarded, name = policy.startswith("partner "), rule.endpoint.removeprefix(f"{machines.name}.")
    scope = policy.removeprefix("partner ")
    summary, _, further = (inspect.getdoc(view) or "").partition("\n")
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [scope if guarded else OPEN],
        "summary": summary,
        "description": f"{further.strip()}\n\nGuard: `{policy}`".strip(),
        "parameters": list(_parameters(rule, name, told)),
        "responses": {str(s): _answer(s, a, shapes, guarded) for s, a in told.answers.items()},
    }
    operation["responses"] |= _problems(rule, told, guarded)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    if guarded:
        operation["security"] = [{"credential": [scope]}, {"signature": [scope]}]
    body = _body(told, shapes)
    return operation if body is None else {**operation, "requestBody": body}


def path_of(rule: Rule) -> str:
    return rule.rule.replace("<uuid:", "{").replace("<", "{").replace(">", "}")


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Of the door as it is: the same for every application of a process. Raises LookupError for a route that does not
    describe itself.
    """
    views = current_app.view_functions
    rules = [r for r in current_app.url_map.iter_rules() if r.endpoint.startswith(f"{machines.name}.")]
    shapes = _Shapes([description_of(views[r.endpoint]) for r in rules])
    paths: dict[str, Any] = {}
    for rule in sorted(rules, key=path_of):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path_of(rule), {})[method.lower()] = _operation(rule, views[rule.endpoint], shapes)
    credential = {"type": "http", "scheme": "bearer", "description": "The credential of a client, with a scope"}
    words = "An HTTP Message Signature (RFC 9421) by a key of a client, with a scope; it stands in Signature-Input too"
    signature = {"type": "apiKey", "in": "header", "name": "Signature", "description": words}
    scopes = [{"name": s.value, "description": SCOPE_LABELS[s]} for s in Scope]
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": "Lantai 兰台: the machines' door", "version": "1"},
        "tags": [*scopes, {"name": OPEN, "description": "无须凭证的说明文档"}],
        "paths": paths,
        "components": {"schemas": shapes.named, "securitySchemes": {"credential": credential, "signature": signature}},
    }


@machines.get("/openapi.json")
@public("the description of the door holds no data")
@describes(Description({200: Answer(dict[str, Any])}))
def openapi_document() -> Response:
    """This document."""
    door.only_query()
    response = door.reply(document())
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
