"""Bad input at the graduates' door: every kind gets one clear answer, and nothing is half-done."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select

from app.corrections.models import Evidence, Ticket
from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.fakes import MemoryFiles, jpeg


def asked(key: str = "key-00000001", **headers: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key, **headers}}


OTHER = {"kind": "other", "statement": "请核对"}


@pytest.fixture
def http(graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]) -> ApiClient:
    return signed_in(graduate_factory())


def faults(reply: Any) -> set[tuple[str, str]]:
    assert reply.status_code == 422, reply.data
    return {(e["pointer"], e["code"]) for e in reply.json["errors"]}


WRONG_MEMBERS: list[tuple[dict[str, Any], set[tuple[str, str]] | None]] = [
    ({**OTHER, "priority": "high"}, {("/priority", "extra_forbidden")}),
    ({"kind": "other"}, {("/statement", "missing")}),
    ({**OTHER, "kind": "magic"}, {("/kind", "enum")}),
    ({**OTHER, "statement": 5}, {("/statement", "string_type")}),
    ({**OTHER, "statement": None}, {("/statement", "string_type")}),
    ({**OTHER, "statement": "   "}, {("/statement", "string_too_short")}),
    ({**OTHER, "statement": "x" * 2001}, {("/statement", "string_too_long")}),
    ({**OTHER, "record_id": "1"}, {("/record_id", "uuid_parsing")}),
    ({**OTHER, "base_version": 0}, {("/base_version", "greater_than_equal")}),
    ({**OTHER, "changes": []}, {("/changes", "dict_type")}),
    ({**OTHER, "changes": {"grade": 95}}, {("/changes/grade", "string_type")}),
    ({**OTHER, "evidence_ids": "x"}, {("/evidence_ids", "list_type")}),
    ({**OTHER, "statement": "a\u0000b"}, {("/statement", "invisible_characters")}),
    ({**OTHER, "statement": "\ud800"}, {("/statement", "string_unicode")}),
    ({**OTHER, "changes": {"\ud800": "1"}}, None),
]


def test_wrong_members_are_named(http: ApiClient) -> None:
    for body, expected in WRONG_MEMBERS:
        reply = http.post("/corrections", data=json.dumps(body), content_type="application/json", **asked())
        found = faults(reply)
        assert expected is None or found == expected, body
        assert reply.json["code"] == "invalid_input"
    assert http.get("/corrections").json["items"] == []


UNREADABLE = [
    (b"{", "application/json", 400, "malformed"),
    (b"", "application/json", 400, "malformed"),
    (b"\xff\xfe", "application/json", 400, "malformed"),
    (b"[]", "application/json", 422, "invalid_input"),
    (b'"text"', "application/json", 422, "invalid_input"),
    (b"null", "application/json", 422, "invalid_input"),
    (b"kind=other", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    (b'{"kind":"other"}', "text/plain", 415, "unsupported_media_type"),
    (b"[" * 100_000, "application/json", 400, "malformed"),
    (b" " * (256 * 1024 + 1), "application/json", 413, "too_large"),
]


def test_bodies_that_cannot_be_read(http: ApiClient) -> None:
    for data, content_type, status, code in UNREADABLE:
        reply = http.post("/corrections", data=data, content_type=content_type, **asked())
        assert (reply.status_code, reply.json["code"]) == (status, code), (data[:20], content_type)


def test_unknown_query_parameters_are_refused_everywhere(http: ApiClient) -> None:
    for path in ("/me", "/dossier", "/corrections", "/notices", "/dossier/access-log", "/factors"):
        reply = http.get(f"{path}?debug=1")
        assert (reply.status_code, reply.json["code"]) == (422, "unknown_query"), path
    for query in ("limit=0", "limit=101", "limit=x", "limit=1.5", "limit="):
        assert http.get(f"/notices?{query}").json["code"] == "unknown_query", query


def test_paths_and_methods_that_are_not_there(http: ApiClient) -> None:
    unknown = http.get("/nothing")
    assert (unknown.status_code, unknown.json["code"]) == (404, "route_not_found")
    not_an_id = http.get("/corrections/1")
    assert (not_an_id.status_code, not_an_id.json["code"]) == (404, "route_not_found")
    wrong = http.call("PATCH", "/me")
    assert (wrong.status_code, wrong.json["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["Allow"]
    assert http.get("/dossier/sections/salary").json["code"] == "section_not_found"
    assert http.put("/subscriptions/lottery", json={"accepted": True}).json["code"] == "template_not_found"


# --- evidence ---------------------------------------------------------------------------------------------------------


def upload(http: ApiClient, data: bytes, key: str = "evidence-1", name: str = "a.jpg") -> Any:
    return http.post(
        "/evidence", data={"file": (BytesIO(data), name)}, content_type="multipart/form-data", **asked(key)
    )


def test_evidence_is_kept_sealed_and_only_once(http: ApiClient, lantai: Lantai) -> None:
    files = lantai.outside.files
    assert isinstance(files, MemoryFiles)
    before = set(files.files)
    first, again = upload(http, jpeg()), upload(http, jpeg())
    assert (first.status_code, again.status_code, first.json) == (201, 201, again.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(set(files.files) - before) == 1  # the second upload left no orphan
    back = http.get(f"/evidence/{first.json['id']}")
    assert (back.data, back.mimetype) == (jpeg(), "image/jpeg")
    assert back.headers["Content-Disposition"].startswith("attachment")
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert back.headers["Cache-Control"] == "no-store"


def test_evidence_that_is_refused_leaves_nothing(http: ApiClient, lantai: Lantai) -> None:
    files = lantai.outside.files
    assert isinstance(files, MemoryFiles)
    before = set(files.files)
    lying = upload(http, b"MZ this is a program", name="a.jpg")
    assert (lying.status_code, lying.json["code"]) == (422, "document_type_refused")
    huge = upload(http, b"\xff\xd8" + bytes(12 * 1024 * 1024), "evidence-2")
    assert (huge.status_code, huge.json["code"]) == (413, "too_large")
    missing = http.post("/evidence", data={}, content_type="multipart/form-data", **asked("evidence-3"))
    assert missing.status_code == 422
    keyless = http.post("/evidence", data={"file": (BytesIO(jpeg()), "a.jpg")}, content_type="multipart/form-data")
    assert (keyless.status_code, keyless.json["code"]) == (400, "idempotency_key_required")
    as_json = http.post("/evidence", json={"file": "x"}, **asked("evidence-4"))
    assert as_json.status_code in (415, 422)
    assert upload(http, jpeg(), "evidence-5").status_code == 201
    reused = upload(http, jpeg(41, 41), "evidence-5")
    assert (reused.status_code, reused.json["code"]) == (422, "idempotency_key_reused")
    assert len(set(files.files) - before) == 1
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(Evidence.id))) == 1


# --- versions ---------------------------------------------------------------------------------------------------------


def test_if_match_is_required_well_formed_and_current(http: ApiClient) -> None:
    made = http.post("/corrections", json=OTHER, **asked())
    path, etag = f"/corrections/{made.json['id']}/messages", made.headers["ETag"]
    said = {"text": "补充"}
    lacking = http.post(path, json=said, **asked("say-000001"))
    assert (lacking.status_code, lacking.json["code"]) == (428, "precondition_required")
    for wrong in ("x", '"1.5"', '"-1"', '"1","2"', "*", '"9999999999"', '""', '"١"'.encode().decode("latin-1")):
        reply = http.post(path, json=said, **asked("say-000002", **{"If-Match": wrong}))
        assert (reply.status_code, reply.json["code"]) == (422, "if_match_malformed"), wrong
    stale = http.post(path, json=said, **asked("say-000003", **{"If-Match": '"7"'}))
    assert (stale.status_code, stale.json["code"], stale.json["current_version"]) == (412, "ticket_changed", 1)
    good = http.post(path, json=said, **asked("say-000004", **{"If-Match": etag}))
    assert good.status_code == 200
    seen = http.get(f"/corrections/{made.json['id']}")
    assert [m["text"] for m in seen.json["messages"]] == ["补充"]
    gone = http.post(
        f"/corrections/{made.json['id']}/withdrawal", **asked("say-000005", **{"If-Match": seen.headers["ETag"]})
    )
    assert (gone.status_code, gone.json["state"]) == (200, "withdrawn")
    late = http.post(path, json=said, **asked("say-000006", **{"If-Match": gone.headers["ETag"]}))
    assert (late.status_code, late.json["code"]) == (409, "move_not_allowed")


# --- idempotency ------------------------------------------------------------------------------------------------------


def test_the_key_is_required_well_formed_and_bound_to_its_request(http: ApiClient, lantai: Lantai) -> None:
    none = http.post("/corrections", json=OTHER)
    assert (none.status_code, none.json["code"]) == (400, "idempotency_key_required")
    for wrong in ("short", "x" * 65, "with space", "ключ-000001".encode().decode("latin-1")):
        reply = http.post("/corrections", json=OTHER, **asked(wrong))
        assert (reply.status_code, reply.json["code"]) == (422, "idempotency_key_malformed")
    first = http.post("/corrections", json=OTHER, **asked())
    replay = http.post("/corrections", json=OTHER, **asked())
    assert (replay.status_code, replay.json, replay.headers["ETag"]) == (201, first.json, first.headers["ETag"])
    assert "Idempotent-Replayed" not in first.headers
    assert replay.headers["Idempotent-Replayed"] == "true"
    other = http.post("/corrections", json={**OTHER, "statement": "另一件事"}, **asked())
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(Ticket.id))) == 1


def test_one_key_serves_two_people_and_two_routes(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    one, two = signed_in(graduate_factory()), signed_in(graduate_factory())
    tickets = [http.post("/corrections", json=OTHER, **asked("same-key-1")) for http in (one, two)]
    assert tickets[0].json["id"] != tickets[1].json["id"]
    withdrawn = one.post(
        f"/corrections/{tickets[0].json['id']}/withdrawal",
        **asked("same-key-1", **{"If-Match": tickets[0].headers["ETag"]}),
    )
    assert withdrawn.status_code == 200


def test_a_failed_request_is_not_remembered(http: ApiClient) -> None:
    """The reply is stored with the effect or not at all: after a refusal the key is free."""
    course = http.get("/dossier/sections/course").json["records"][0]
    body = {"kind": "transcription", "statement": "x", "record_id": course["id"], "base_version": 9}
    refused = http.post("/corrections", json={**body, "changes": {"grade": "1"}}, **asked())
    assert (refused.status_code, refused.json["code"]) == (409, "record_changed")
    assert http.post("/corrections", json=OTHER, **asked()).status_code == 201
