"""The OpenAPI 3.1 document, mended where APIFlask's defaults differ from what the door really answers, and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_openapi3_swagger
from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, make_response, render_template, send_from_directory
from pydantic import ValidationError

from app import web
from app.errors import FieldFault, Invalid
from app.problems import WORDING
from app.web import PROBLEM_TYPE
from auth.guards import policy_of, public
from miniprogram_api.door import api

SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
REFERENCE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(WORDING), "description": "Stable"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "factors": {"type": "array", "items": {"type": "string"}, "description": "Factors that may be shown next"},
        "purpose": {"type": "string"},
        "required_level": {"type": "integer"},
        "retry_after": {"type": "integer", "description": "Seconds"},
    },
}
ANSWERS = {
    "400": "The request cannot be parsed, or Idempotency-Key is missing",
    "401": "No living session",
    "403": "Not allowed, or more assurance is needed (`factors` lists what may be shown)",
    "404": "Absent, or somebody else's",
    "409": "Not possible in the present state",
    "412": "The version named by If-Match is not the current one",
    "413": "Too large",
    "414": "The address is longer than 4,094 bytes",
    "415": "Wrong content type",
    "422": "Fields are wrong; `errors` names them",
    "428": "If-Match is required",
    "429": "Too many; see Retry-After",
    "431": "The headers are too many or too long",
    "500": "Something broke; quote the request id",
    "503": "Something outside does not answer; nothing was changed",
}
BINARY = {"type": "string", "format": "binary"}
FILE_TYPES = (
    "application/ofd",
    "application/octet-stream",
    "application/pdf",
    "image/jpeg",
    "image/png",
    "image/tiff",
)


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _codes_for(method: str, policy: str, path: str, body: bool) -> list[str]:
    # 409 on reads too: any request may meet a lock held too long
    codes = ["400", "409", "414", "422", "429", "431", "500", "503"]
    # a platform may block a person, so the public log-in can be forbidden too
    codes.append("403")
    if not policy.startswith("public"):
        codes.append("401")
    # a POST names things in its body, and a claim or graduate may be gone meanwhile
    if "{" in path or "dossier" in path or method == "post" or path.endswith(("/status", "/me")):
        codes.append("404")
    if body:
        codes += ["413", "415"]
    return codes


def amend(spec: dict[str, Any]) -> dict[str, Any]:
    """Problem documents on every error, security, and the headers routes really read."""
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("ValidationError", None)
    schemas.pop("HTTPError", None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = {"session": {"type": "http", "scheme": "bearer", "description": "Opaque token"}}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "post", "put", "delete"):
                _amend_operation(path, method, operation)
    return spec


def _amend_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    name = operation["operationId"].removeprefix(f"{method}_api_")
    operation["operationId"] = name
    view = current_app.view_functions[f"{api.name}.{name}"]
    policy = policy_of(view) or ""
    operation["description"] = f"{operation.get('description', '')}\n\nGuard: `{policy}`".strip()
    if not policy.startswith("public"):
        operation["security"] = [{"session": []}]
    responses = {k: v for k, v in operation["responses"].items() if k.startswith("2")}
    headers = operation.setdefault("parameters", [])
    if name in IDEMPOTENT:
        headers.append(_header("Idempotency-Key", r"^[A-Za-z0-9_\-]{8,64}$", "8 to 64 characters; retries replay"))
    if name in VERSIONED:
        headers.append(_header("If-Match", r'^"[0-9]{1,9}"$', "ETag of the version seen"))
        responses |= {code: _problem(ANSWERS[code]) for code in ("412", "428")}
    if name in FILES:
        responses["200"] = {
            "description": "The file, always as a download",
            "content": {media_type: {"schema": BINARY} for media_type in FILE_TYPES},
        }
    body = "requestBody" in operation
    if body:
        operation["requestBody"]["required"] = True
    responses |= {code: _problem(ANSWERS[code]) for code in _codes_for(method, policy, path, body)}
    operation["responses"] = dict(sorted(responses.items()))


def _header(name: str, pattern: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "schema": {"type": "string", "pattern": pattern},
        "description": description,
    }


IDEMPOTENT = frozenset(
    {
        "send_supplement",
        "withdraw_supplement",
        "upload_evidence",
        "open_ticket",
        "add_information",
        "withdraw",
        "appeal",
        "register_destination",
        "change_destination",
        "say",
        "ask_human",
    }
)
VERSIONED = frozenset(
    {"withdraw_supplement", "add_information", "withdraw", "appeal", "change_destination", "change_preferences"}
)
FILES = frozenset({"material_file", "evidence_file", "catalogue_pdf", "supplement_file"})


@api.get("/openapi.json")
@public("the description of the door holds no data")
@api.doc(hide=True)
def openapi_document() -> Response:
    app = current_app
    assert isinstance(app, APIFlask)
    response = make_response(app.json.dumps(app.spec))
    response.content_type = "application/json"
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@api.get("/reference")
@public("the description of the door holds no data")
@api.doc(hide=True)
def reference() -> Response:
    response = Response(render_template("reference.html"), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = REFERENCE_CSP
    return response


@api.get("/reference/<path:name>")
@public("static files of the reference page")
@api.doc(hide=True)
def reference_file(name: str) -> Response:
    if name == "start.js":
        return send_from_directory(Path(__file__).parent / "static", name)
    return send_from_directory(SWAGGER, name)


def install(app: APIFlask) -> None:
    app.spec_processor(amend)  # type: ignore[arg-type]  # declared for YAML text too, which is not used here
    app.register_error_handler(HTTPError, on_schema_error)


def on_schema_error(error: HTTPError) -> Response:
    """Pydantic's findings as our problem document: one entry per wrong member, by JSON pointer."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return web.respond(Invalid("invalid_input"))
    faults = [
        FieldFault("/" + "/".join(str(p) for p in e["loc"]), e["type"])
        for e in cause.errors(include_url=False, include_input=False, include_context=False)
    ]
    in_query = "query" in (error.detail or {})
    return web.respond(Invalid("unknown_query" if in_query else "invalid_input", faults=faults))
