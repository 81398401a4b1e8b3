"""The OpenAPI document of the machines' door: whole, in step with routes, guards and code, and kept to."""

from __future__ import annotations

import inspect
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.problems import WORDING
from auth.guards import policy_of
from auth.rules import Scope
from notifications.public_events import EVENT_TYPES
from partner_api.describing import Description, description_of
from partner_api.ingest import SCHEMAS
from partner_api.records import GraduateRecord
from parts import Lantai
from tests.partner_api.conftest import API, Machine
from tests.replies import ReplyWatch, machines_document
from tests.test_routes import Route, routes

KEYED = re.compile(r"batch_key\(\)|_once\(|_said\(")


def the_routes(app: Flask) -> list[Route]:
    return [r for r in routes(app, f"{API}/") if r.rule.endpoint.startswith("machines.")]


def operation(spec: dict[str, Any], route: Route) -> dict[str, Any]:
    path = route.rule.rule.replace("<uuid:", "{").replace("<", "{").replace(">", "}")
    found: dict[str, Any] = spec["paths"][path][route.method.lower()]
    return found


@pytest.fixture
def spec(app: Flask) -> dict[str, Any]:
    reply = app.test_client().get(f"{API}/openapi.json")
    assert (reply.status_code, reply.mimetype) == (200, "application/json")
    return dict(json.loads(reply.data))


def test_it_is_valid_and_has_every_route_with_its_methods(app: Flask, spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(spec).iter_errors()) == []
    described = {(m.upper(), path) for path, operations in spec["paths"].items() for m in operations}
    routed = {(r.method, re.sub(r"<(?:uuid:)?(\w+)>", r"{\1}", r.rule.rule)) for r in the_routes(app)}
    assert described == routed
    assert len(routed) > 25
    names = [o["operationId"] for operations in spec["paths"].values() for o in operations.values()]
    assert len(set(names)) == len(names)
    assert all(o["summary"] for operations in spec["paths"].values() for o in operations.values())


def test_scopes_are_those_of_the_guards(app: Flask, spec: dict[str, Any]) -> None:
    seen = set()
    for route in the_routes(app):
        told = operation(spec, route)
        policy = policy_of(app.view_functions[route.rule.endpoint]) or ""
        asked = told.get("security")
        assert policy.startswith("public" if asked is None else "partner "), route.name
        assert ("401" in told["responses"]) is (asked is not None), route.name
        if asked is not None:
            scopes = [policy.removeprefix("partner ")]
            assert asked == [{"credential": scopes}, {"signature": scopes}]
            assert told["tags"] == scopes
            seen.add(policy.removeprefix("partner "))
    assert seen == set(Scope)


def test_bodies_and_keys_are_those_the_code_reads(app: Flask, spec: dict[str, Any]) -> None:
    bodies = keys = 0
    for route in the_routes(app):
        view = app.view_functions[route.rule.endpoint]
        told, source = description_of(view), inspect.getsource(inspect.unwrap(view))
        assert re.findall(r"json_body\((\w+)\)", source) == ([told.body.__name__] if told.body else []), route.name
        assert ("upload()" in source) is told.file, route.name
        assert bool(KEYED.search(source)) is told.key, route.name
        needed = [p["name"] for p in operation(spec, route)["parameters"] if p["in"] == "header" and p["required"]]
        assert needed == (["Idempotency-Key"] if told.key else []), route.name
        bodies, keys = bodies + (told.body is not None), keys + told.key
    assert (bodies, keys) == (10, 10)


def test_a_query_field_is_taken_where_it_is_described_and_nowhere_else(app: Flask, lantai: Lantai) -> None:
    _, credential = lantai.partners.add("什么都行", [s.value for s in Scope], "HR-1")
    headers = {"Authorization": f"Bearer {credential}", "Idempotency-Key": "query-fields-1"}
    names = {q for r in the_routes(app) for q in description_of(app.view_functions[r.rule.endpoint]).query}
    asked = 0
    for route in the_routes(app):
        if route.method != "GET":
            continue
        told: Description = description_of(app.view_functions[route.rule.endpoint])
        words = {n: told.path[n][0] if n in told.path else str(uuid.uuid4()) for n in route.rule.arguments}
        for name in sorted({*names, "nothing"}):
            reply: Any = app.test_client().get(route.path(dict(words)), query_string={name: "?"}, headers=headers)
            faults = reply.json.get("errors", [])
            refused = {"pointer": f"/{name}", "code": "unknown_field", "detail": "没有这个字段"} in faults
            assert refused is (name not in told.query), (route.name, name)
            asked += 1
    assert asked > 100


def test_its_schemas_are_the_published_ones(app: Flask, spec: dict[str, Any]) -> None:
    own = GraduateRecord.model_json_schema(ref_template="#/components/schemas/{model}")
    own.pop("$defs")
    assert spec["components"]["schemas"]["GraduateRecord"] == own
    paths = spec["paths"]
    for path, words in (("/schemas/{name}", SCHEMAS), ("/event-types/{name}/schema", EVENT_TYPES)):
        assert paths[API + path]["get"]["parameters"][0]["schema"]["enum"] == sorted(words)
        for word in words:
            assert app.test_client().get(API + path.format(name=word)).status_code == 200


def test_every_code_has_words_and_a_status_of_its_own(spec: dict[str, Any]) -> None:
    statuses: dict[str, set[str]] = {}
    for operations in spec["paths"].values():
        for told in operations.values():
            for status, answer in told["responses"].items():
                problem = answer.get("content", {}).get("application/problem+json")
                for code in problem["schema"]["properties"]["code"]["enum"] if problem else ():
                    statuses.setdefault(code, set()).add(status)
    assert len(statuses) > 40
    assert [c for c in statuses if c not in WORDING] == []
    assert {c: s for c, s in statuses.items() if len(s) > 1} == {}


def test_what_is_not_declared_is_found(app: Flask, campus: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch over every test of this door is no ornament."""
    told = machines_document(app)
    answers = told["paths"][f"{API}/reasons"]["get"]["responses"]
    answers["403"]["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"] = ["busy"]
    answers["401"]["headers"]["Never"] = {"required": True, "schema": {}}
    watch = ReplyWatch(app, f"{API}/", told)
    assert campus.get("/reasons").status_code == 403
    assert app.test_client().get(f"{API}/reasons").status_code == 401
    assert len(watch.faults) == 2
    answers["403"]["headers"].pop("RateLimit")
    campus.get("/reasons")
    assert [f.rpartition(" 403: ")[2] for f in watch.faults[2:]][1:] == ["RateLimit is not declared here"]
    answers.clear()
    campus.get("/reasons")
    assert "status not declared" in watch.faults[-1]


@pytest.mark.parametrize("limit", ["0", "501", "01", "0000005000", "1" * 5000, "٥", "-1", "1.0", ""])
def test_a_page_is_never_longer_than_is_told(new_machine: Callable[[], Machine], limit: str) -> None:
    batch = uuid.uuid4()
    reply = new_machine().get(f"/batches/{batch}/rows", query_string={"limit": limit})
    assert (reply.status_code, reply.json["errors"][0]["pointer"]) == (422, "/limit")
