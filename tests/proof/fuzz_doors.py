"""A document of the doors that publish none: the receivers' part of the machine door and the receipt page.

Forms are the published schemas; examples name a package, a slip and a code that are alive, so that noise reaches what
lies behind the first look-up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import Flask

from partner_api.package_records import SCHEMAS
from tests.counting import Printed

BODIES = {
    "acknowledgement": "package-acknowledgement.json",
    "check": "package-check.json",
    "decision": "package-decision.json",
    "receipt": "package-receipt.json",
}
MACHINES, PAGE = "/partner/api/v1", "/receipt"
_PROBLEM = {"type": "object", "required": ["code", "status", "title"]}


def _answers(media: str, problem: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for status in ("2XX", "4XX", "503"):
        kind, shape = (media, schema or {}) if status == "2XX" else (problem, _PROBLEM if "json" in problem else {})
        told[status] = {"description": status, "content": {kind: {"schema": shape}}}
    return told


def _body(media: str, schema: Mapping[str, Any], **example: Any) -> dict[str, Any]:
    return {"required": True, "content": {media: {"schema": schema, **example}}}


def _sound(package_id: str) -> dict[str, Mapping[str, Any]]:
    """What a receiver could really say: the package is the one tests.electronic.submitted_leg makes."""
    digest = bytes(32).hex()
    return {
        "acknowledgement": {"sha256": digest, "size": 1},
        "check": {"outcome": "passed", "bag_sha256": digest},
        "decision": {"decision": "accepted", "manifest_sha256": digest},
        "receipt": {
            "manifest_sha256": digest,
            "number": f"HR-{hashlib.sha256(package_id.encode()).hexdigest()[:8]}",
            "issued_on": "2026-06-02",
        },
    }


def _machine_operation(path: str, method: str, package_id: str) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    if "{package_id}" in path:
        form = {"type": "string", "format": "uuid"}
        parameters.append({"name": "package_id", "in": "path", "required": True, "schema": form})
    media = "application/octet-stream" if path.endswith("/content") else "application/json"
    operation: dict[str, Any] = {"parameters": parameters, "responses": _answers(media, "application/problem+json")}
    if method == "post":
        key = {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
        what = path.rsplit("/", 1)[-1]
        schema = {k: v for k, v in SCHEMAS[BODIES[what]]().items() if k not in ("$id", "$schema")}
        operation["requestBody"] = _body(media, schema, example=_sound(package_id)[what])
    return operation


def _page_operations(slip: Printed) -> dict[str, Any]:
    text = {"type": "string"}
    known = {"slip": {**text, "example": str(slip.id)}, "code": {**text, "example": slip.code}}
    counts = {n: {**text, "example": "1"} for n in ("items_4-1", "pages_4-1", "items_3")}
    signed = {"receipt_number": {**text, "example": "HZ-1"}, "counted_by": {**text, "example": "王清点"}}
    answers, form = _answers("text/html", "text/html"), "application/x-www-form-urlencoded"
    seen = {"parameters": [{"name": "slip", "in": "query", "schema": text}], "responses": answers}
    asked = {"type": "object", "properties": known}
    given = {"type": "object", "properties": {**known, **signed, **counts, "all_as_listed": {"enum": ["yes", ""]}}}
    return {
        PAGE: {
            "get": seen,
            "post": {"requestBody": _body(form, asked), "responses": answers},
        },
        f"{PAGE}/count": {"post": {"requestBody": _body(form, given), "responses": answers}},
    }


def document(app: Flask, package_id: str, slip: Printed) -> dict[str, Any]:
    """Every route there is under /packages and beside it: a new one is in without being named here."""
    paths: dict[str, Any] = _page_operations(slip)
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith((f"{MACHINES}/packages", f"{MACHINES}/reasons")):
            continue
        path = rule.rule.replace("<uuid:package_id>", "{package_id}")
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            paths.setdefault(path, {})[method.lower()] = _machine_operation(path, method.lower(), package_id)
    return {"openapi": "3.1.0", "info": {"title": "doors without a document", "version": "1"}, "paths": paths}
