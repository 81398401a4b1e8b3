"""What noise at the machines' door and at the two open pages goes by: the published document, and one for each page.

Examples name a package, a slip and codes that are alive, so that noise reaches what lies behind the first look-up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from partner_api.document import document
from tests.counting import Printed

PAGE, CHECK = "/receipt", "/check"
FORM = "application/x-www-form-urlencoded"


def _answers() -> dict[str, Any]:
    """A page whatever happens; where waiting helps it says how long."""
    page: dict[str, Any] = {"content": {"text/html": {"schema": {}}}}
    wait = {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"}}}
    waiting = {s: {"description": s, "headers": wait, **page} for s in ("429", "503")}
    return {s: {"description": s, **page} for s in ("2XX", "4XX")} | waiting


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


def _notice() -> dict[str, Any]:
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    fields = {"place": "archive_desk", "until": day}
    return {"kind": "ask_visit", "recipient": {"student_number": "2099000002"}, "fields": fields}


def _page_operations(slip: Printed) -> dict[str, Any]:
    text = {"type": "string"}
    known = {"slip": {**text, "example": str(slip.id)}, "code": {**text, "example": slip.code}}
    counts = {n: {**text, "example": "1"} for n in ("items_4-1", "pages_4-1", "items_3")}
    signed = {"receipt_number": {**text, "example": "HZ-1"}, "counted_by": {**text, "example": "王清点"}}
    answers = _answers()
    seen = {"parameters": [{"name": "slip", "in": "query", "schema": text}], "responses": answers}
    asked = {"type": "object", "properties": known}
    given = {"type": "object", "properties": {**known, **signed, **counts, "all_as_listed": {"enum": ["yes", ""]}}}
    return {
        PAGE: {
            "get": seen,
            "post": {"requestBody": _body(FORM, asked), "responses": answers},
        },
        f"{PAGE}/count": {"post": {"requestBody": _body(FORM, given), "responses": answers}},
    }


def receipt_page(slip: Printed) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "the receipt page", "version": "1"}, "paths": _page_operations(slip)}


def check_page(code: str) -> dict[str, Any]:
    """``code`` is the check-code of a message of ours."""
    answers = _answers()
    asked = {"type": "object", "properties": {"code": {"type": "string", "example": code}}}
    operations = {"get": {"responses": answers}, "post": {"requestBody": _body(FORM, asked), "responses": answers}}
    return {"openapi": "3.1.0", "info": {"title": "the check page", "version": "1"}, "paths": {CHECK: operations}}


def machines(app: Flask, package_id: str) -> dict[str, Any]:
    """The published document of the machines' door, with what the package's receiver could really say as examples."""
    with app.app_context():
        told: dict[str, Any] = json.loads(json.dumps(document()))
    for word, example in _sound(package_id).items():
        operation = told["paths"][f"/partner/api/v1/packages/{{package_id}}/{word}"]["post"]
        operation["requestBody"]["content"]["application/json"]["example"] = example
    notice = told["paths"]["/partner/api/v1/notices"]["post"]
    notice["requestBody"]["content"]["application/json"]["example"] = _notice()
    return told


def written(path: Path, told: Mapping[str, Any], port: int) -> list[str]:
    """The document for the command line, with the web that answers."""
    path.write_text(json.dumps(told))
    return [str(path), "--url", f"http://127.0.0.1:{port}"]
