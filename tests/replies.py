"""Every reply of a door in a test, held against the OpenAPI document it publishes."""

from __future__ import annotations

import json
from typing import Any, cast

from apiflask import APIFlask
from flask import Flask, Response, request
from jsonschema_rs import Draft202012Validator, ValidationError

from partner_api.document import document as published

_DOCUMENT: dict[str, Any] = {}


def document(app: Flask) -> dict[str, Any]:
    """The graduates' published document; the same for every app of one process, so it is made once."""
    if not _DOCUMENT:
        with app.app_context():
            _DOCUMENT.update(json.loads(app.json.dumps(cast(APIFlask, app).spec)))
    return _DOCUMENT


def machines_document(app: Flask) -> dict[str, Any]:
    """The machines' published document, its answers closed: a member that is not declared is a fault too."""
    with app.app_context():
        made: dict[str, Any] = json.loads(json.dumps(published()))
    for schema in made["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    return made


class ReplyWatch:
    """Notes what a reply has that the document does not promise."""

    def __init__(self, app: Flask, prefix: str = "/api/v1/", told: dict[str, Any] | None = None) -> None:
        self._document, self._prefix = told or document(app), prefix
        operations = [o for path in self._document["paths"].values() for o in path.values()]
        # of what the document tells nowhere, such as the security headers, it tells nowhere
        self._names = {n for o in operations for r in o["responses"].values() for n in r.get("headers", {})}
        self.seen = 0
        self.faults: list[str] = []
        app.after_request_funcs.setdefault(None, []).insert(0, self._look)  # the first registered runs last

    def _look(self, response: Response) -> Response:
        rule = request.url_rule
        if rule is None or not rule.rule.startswith(self._prefix):
            return response
        path = rule.rule.replace("<uuid:", "{").replace("<", "{").replace(">", "}")
        operation = self._document["paths"].get(path, {}).get(request.method.lower())
        if operation is None or response.status_code == 405:
            return response
        self.seen += 1
        where = f"{request.method} {path} {response.status_code}"
        declared = operation["responses"].get(str(response.status_code))
        if declared is None:
            self.faults.append(f"{where}: status not declared ({response.get_data(as_text=True)[:80]})")
            return response
        self._content(where, declared, response)
        self._headers(where, declared, response)
        return response

    def _headers(self, where: str, declared: dict[str, Any], response: Response) -> None:
        for name in self._names.difference(declared.get("headers", {})).intersection(response.headers.keys()):
            self.faults.append(f"{where}: {name} is not declared here")
        for name, told in declared.get("headers", {}).items():
            value = response.headers.get(name)
            if value is None and told["required"]:
                self.faults.append(f"{where}: no {name}")
            elif value is not None and not Draft202012Validator(told["schema"]).is_valid(value):
                self.faults.append(f"{where}: {name} {value} is not as declared")

    def _content(self, where: str, declared: dict[str, Any], response: Response) -> None:
        if response.direct_passthrough:
            return  # a stream, read once by whoever asked
        if "content" not in declared or response.status_code == 204:
            if response.get_data():
                self.faults.append(f"{where}: a body where none is declared")
            return
        if "application/octet-stream" in declared["content"]:
            return
        media = declared["content"].get(response.mimetype)
        if media is None:
            self.faults.append(f"{where}: content type {response.mimetype} not declared")
            return
        if "json" not in (response.mimetype or ""):
            return
        schema = {**media["schema"], "components": self._document["components"]}
        try:
            Draft202012Validator(schema).validate(json.loads(response.get_data()))
        except ValidationError as error:
            self.faults.append(f"{where}: {error.instance_path} {error.message[:200]}")
