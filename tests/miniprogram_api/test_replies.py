"""Paging, languages, problem documents, and the published description."""

from __future__ import annotations

import ast
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.actors import Purpose
from app.dossiers.rules import Section
from app.errors import DomainError
from app.problems import FAULT_WORDS, STATUS, STATUS_BY_CODE, WORDING
from auth.guards import policy_of
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.replies import ReplyWatch, document

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "auth", "notifications", "miniprogram_api", "partner_api", "staff_console", "providers")


def pages(http: ApiClient, path: str, limit: int) -> list[list[Any]]:
    found, cursor = [], ""
    while True:
        reply = http.get(f"{path}?limit={limit}{cursor}").json
        found.append(reply["items"])
        if reply["next"] is None:
            return found
        cursor = f"&cursor={reply['next']}"


def test_paging_loses_and_repeats_nothing_even_while_lines_are_added(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], run_jobs: Callable[[], None]
) -> None:
    http = signed_in(graduate_factory())
    for n in range(7):
        made = http.post(
            "/corrections",
            json={"kind": "other", "statement": f"第 {n} 件"},
            headers={"Idempotency-Key": f"paging-{n:04d}"},
        )
        assert made.status_code == 201
    for _ in range(6):
        http.get("/dossier")
    whole = {path: http.get(f"{path}?limit=100").json["items"] for path in ("/corrections", "/dossier/access-log")}
    assert [len(rows) for rows in whole.values()] == [7, 6]
    for path, rows in whole.items():
        for limit in (1, 2, 3, 6, 7, 100):
            found = pages(http, path, limit)
            assert [row for page in found for row in page] == rows, (path, limit)
            assert all(len(page) == limit for page in found[:-1])
            assert len(found) == -(-len(rows) // limit)
    first = http.get("/dossier/access-log?limit=4").json
    http.get("/dossier")  # a newer line must not shift the page that follows
    second = http.get(f"/dossier/access-log?limit=4&cursor={first['next']}").json
    assert first["items"] + second["items"] == whole["/dossier/access-log"]


def mark(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


CURSORS = (
    *("x", "v1:5", mark("5"), mark("v2:5"), mark("v1:-5"), mark("v1:5.0"), mark("v1: 5"), mark("v1:1_0")),
    *(mark("v1:" + "9" * 30), mark("v1:"), mark("v1:٥"), "%00", "é", "A" * 65, "===="),
)


def test_a_cursor_nobody_gave_out_is_refused(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    http = signed_in(graduate_factory(), 2)
    for cursor in CURSORS:
        for path in ("/corrections", "/notices", "/dossier/access-log"):
            reply = http.get(path, query_string={"cursor": cursor})
            assert (reply.status_code, reply.json["code"]) == (422, "unknown_query"), (path, cursor)


def test_a_position_beyond_every_row_is_just_the_end(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    http = signed_in(graduate_factory(), 2)
    for position in (0, 2**31, 2**40, 10**18 - 1):
        for path in ("/corrections", "/notices", "/dossier/access-log"):
            assert http.get(path, query_string={"cursor": mark(f"v1:{position}")}).status_code == 200, (path, position)


LANGUAGES = (
    *(("", "zh-CN"), ("zh-CN,zh;q=0.9", "zh-CN"), ("en-GB,en;q=0.8", "en"), ("en;q=0.3, zh;q=0.9", "zh-CN")),
    *(("fr", "zh-CN"), ("en-US", "en"), ("*", "zh-CN"), (";;;", "zh-CN")),
)


def test_problems_speak_the_language_asked_for(api: Callable[[], ApiClient]) -> None:
    for accept, language in LANGUAGES:
        reply = api().post("/sessions", json={"platform": "wechat"}, headers={"Accept-Language": accept})
        english = language == "en"
        assert reply.headers["Content-Language"] == language, accept
        assert reply.json["title"] == WORDING["invalid_input"][english]
        assert reply.json["errors"] == [
            {"pointer": "/code", "code": "missing", "detail": FAULT_WORDS["missing"][english]}
        ]


def test_a_problem_is_an_rfc_9457_document_with_a_stable_code(api: Callable[[], ApiClient], app: Flask) -> None:
    app.config["TRUSTED_PROXIES"] = 1  # our own proxy may name a request
    reply = api().get("/me", headers={"X-Request-Id": "asked-by-client-1"})
    assert reply.content_type == "application/problem+json"
    assert reply.json == {
        "type": "/problems/session_required",
        "title": WORDING["session_required"][0],
        "status": 401,
        "code": "session_required",
        "detail": WORDING["session_required"][0],
        "request_id": "asked-by-client-1",
    }
    forged = api().get("/me", headers={"X-Request-Id": "a\tb"})
    assert forged.headers["X-Request-Id"] == forged.json["request_id"] != "a\tb"
    app.config["TRUSTED_PROXIES"] = 0  # a stranger may not: it would stand in the audit
    stranger = api().get("/me", headers={"X-Request-Id": "asked-by-client-1"})
    assert stranger.json["request_id"] != "asked-by-client-1"
    enum = document(app)["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert enum == sorted(WORDING)


def raised_codes() -> dict[str, set[str]]:
    """Code -> files, of every domain error given a literal code anywhere in the house."""
    kinds: set[str] = set()
    todo = [DomainError]
    while todo:
        kind = todo.pop()
        kinds.add(kind.__name__)
        todo += kind.__subclasses__()
    found: dict[str, set[str]] = {}
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "sandbox" not in p.parts):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
                codes = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)]
                for code in codes:
                    if isinstance(code, str):
                        found.setdefault(code, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_every_code_that_can_be_raised_has_words_in_both_languages() -> None:
    found = raised_codes()
    assert len(found) > 60
    assert {code: files for code, files in found.items() if code not in WORDING} == {}
    defaults = {kind.default_code for kind in STATUS}
    assert defaults | set(STATUS_BY_CODE) <= set(WORDING)
    for code, (chinese, english) in {**WORDING, **FAULT_WORDS}.items():
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese), code
        assert english, code
        assert english.isascii(), code


def test_the_description_is_valid_openapi_3_1_and_covers_every_route(app: Flask, api: Callable[[], ApiClient]) -> None:
    served = api().get("/openapi.json")
    assert served.status_code == 200
    spec = served.json
    assert spec["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(spec).iter_errors()) == []
    described = {
        (m.upper(), path) for path, ops in spec["paths"].items() for m in ops if m in ("get", "post", "put", "delete")
    }
    hidden = {"/api/v1/openapi.json", "/api/v1/reference", "/api/v1/reference/{name}"}
    routed = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<uuid:", "{").replace("<path:", "{").replace("<", "{").replace(">", "}")
        if path.startswith("/api/v1/") and path not in hidden:
            routed |= {(m, path) for m in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert described == routed
    ids = [op["operationId"] for ops in spec["paths"].values() for op in ops.values()]
    assert len(set(ids)) == len(ids)
    for path, ops in spec["paths"].items():
        for method, op in ops.items():
            guarded = not (policy_of(app.view_functions[f"api.{op['operationId']}"]) or "").startswith("public")
            assert ("security" in op) is guarded, (method, path)
            assert ("401" in op["responses"]) is guarded, (method, path)
            assert op.get("requestBody", {"required": True})["required"], (method, path)
    page = api().get("/reference")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert api().get("/reference/../../wsgi.py").status_code == 404


def test_every_reading_route_answers_as_described(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    lantai: Lantai,
    world: World,
    clock: FakeClock,
    watch: ReplyWatch,
    run_jobs: Callable[[], None],
) -> None:
    """A tour of the whole door; the watch holds every reply against the document."""
    person = graduate_factory()
    http = signed_in(person)
    run_jobs()
    before = watch.seen
    for path in ("/me", "/status", "/me/identities", "/notices", "/subscriptions", "/dossier", "/corrections/kinds",
                 "/corrections", "/transfers", "/sessions", "/factors", "/dossier/access-log",
                 f"/dossiers/{person.dossier_id}", *(f"/dossier/sections/{s.value}" for s in Section)):  # fmt: skip
        assert http.get(path).status_code == 200, path
    for item in http.get("/dossier").json["items"]:
        assert http.get(f"/dossier/{item['kind']}s/{item['id']}").status_code == 200
    notice = http.get("/notices").json
    assert (notice["unread"], len(notice["items"])) == (1, 1)
    read = http.put(f"/notices/{notice['items'][0]['id']}/read")
    assert read.json["read_at"] is not None
    assert http.get("/notices").json["unread"] == 0
    chosen = http.put("/subscriptions/ticket_decided", json={"accepted": True}).json["items"]
    assert (chosen[0]["template"], chosen[0]["accepted"], chosen[0]["credits"]) == ("ticket_decided", True, 0)
    assert watch.seen > before + 25
    masked = http.get("/me").json["card"]
    assert person.card.id_number not in str(masked)
    assert masked["phone"].endswith(person.card.phone[-4:])
    actor = person.actor(Purpose.VIEW_DOSSIER, now=clock.now())
    assert len(lantai.dossiers.access_log(actor, before=None, limit=100)) > 10
