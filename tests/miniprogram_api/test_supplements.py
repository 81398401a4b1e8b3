"""Supplements at the graduates' door: sent once, seen by their owner alone, taken back while they wait."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.materials.models import Supplement
from app.materials.rules import MOST_OPEN, Entry
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin
from tests.fakes import MemoryFiles, jpeg

SAID = {
    "class_code": "7",
    "kind": "",
    "title": "省级竞赛获奖证书",
    "formed_on": "2025-05",
    "statement": "归档时遗漏",
}


def post(http: ApiClient, data: bytes | None, key: str = "supplement-01", **changes: str) -> Any:
    form: dict[str, Any] = {**SAID, **changes}
    if data is not None:
        form["file"] = (BytesIO(data), "证书.jpg")
    return http.post("/supplements", data=form, content_type="multipart/form-data", headers={"Idempotency-Key": key})


@pytest.fixture
def person(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory()


@pytest.fixture
def http(person: Person, signed_in: Callable[..., ApiClient]) -> ApiClient:
    return signed_in(person, purpose="correct")


def test_sent_followed_and_taken_back(http: ApiClient) -> None:
    sent = post(http, jpeg())
    assert (sent.status_code, sent.json["state"], sent.json["pages"]) == (201, "submitted", 1)
    assert sent.json["number"].startswith("BC2026")
    path = f"/supplements/{sent.json['id']}"
    listed = http.get("/supplements").json
    assert [(s["id"], s["title"]) for s in listed["items"]] == [(sent.json["id"], SAID["title"])]
    seen = http.get(path)
    assert (seen.json["statement"], seen.headers["ETag"]) == (SAID["statement"], '"1"')
    back = http.get(f"{path}/file")
    assert (back.data, back.mimetype) == (jpeg(), "image/jpeg")
    assert back.headers["Content-Disposition"].startswith("attachment")
    wanted = {"headers": {"Idempotency-Key": "withdraw-01", "If-Match": '"1"'}}
    gone = http.post(f"{path}/withdrawal", **wanted)
    assert (gone.status_code, gone.json["state"], gone.headers["ETag"]) == (200, "withdrawn", '"2"')
    assert http.post(f"{path}/withdrawal", **wanted).headers["Idempotent-Replayed"] == "true"
    late = http.post(f"{path}/withdrawal", headers={"Idempotency-Key": "withdraw-02", "If-Match": '"2"'})
    assert (late.status_code, late.json["code"]) == (409, "move_not_allowed")
    stale = http.post(f"{path}/withdrawal", headers={"Idempotency-Key": "withdraw-03", "If-Match": '"1"'})
    assert (stale.status_code, stale.json["code"], stale.json["current_version"]) == (412, "supplement_changed", 2)
    assert http.post(f"{path}/withdrawal", headers={"Idempotency-Key": "withdraw-04"}).status_code == 428


def test_kept_sealed_and_only_once(http: ApiClient, lantai: Lantai, person: Person) -> None:
    files = lantai.outside.files
    assert isinstance(files, MemoryFiles)
    before = set(files.files)
    first, again = post(http, jpeg()), post(http, jpeg())
    assert (first.status_code, again.status_code, first.json) == (201, 201, again.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    (name,) = set(files.files) - before
    assert jpeg() not in files.files[name]
    other = post(http, jpeg(), title="另一份")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert set(files.files) - before == {name}
    with lantai.db.transaction() as session:
        row = session.scalars(select(Supplement)).one()
    assert SAID["title"].encode() not in row.sealed_proposal
    assert row.graduate_id == person.id


def test_what_is_refused_leaves_nothing(http: ApiClient, lantai: Lantai) -> None:
    files = lantai.outside.files
    assert isinstance(files, MemoryFiles)
    before = set(files.files)
    assert post(http, b"MZ this is a program").json["code"] == "document_type_refused"
    assert post(http, None).status_code == 422
    assert post(http, b"\xff\xd8" + bytes(12 * 1024 * 1024)).status_code == 413
    for changes, pointer, code in (
        ({"class_code": "77"}, "/class_code", "unknown_class"),
        ({"title": " "}, "/title", "string_too_short"),
        ({"title": "证\u202e书"}, "/title", "invisible_characters"),
        ({"formed_on": "2026-13"}, "/formed_on", "date_malformed"),
        ({"formed_on": "2030-01"}, "/formed_on", "date_in_future"),
        ({"statement": "x" * 1001}, "/statement", "string_too_long"),
        ({"priority": "high"}, "/priority", "extra_forbidden"),
    ):
        reply = post(http, jpeg(), **changes)
        assert reply.status_code == 422, changes
        assert [(e["pointer"], e["code"]) for e in reply.json["errors"]] == [(pointer, code)]
    assert set(files.files) == before
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(Supplement.id))) == 0


def test_ten_may_wait_and_a_decision_makes_room(
    http: ApiClient, lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    sent = [post(http, jpeg(40 + n, 40), f"supplement-{n:02d}") for n in range(MOST_OPEN)]
    assert {r.status_code for r in sent} == {201}
    full = post(http, jpeg(), "supplement-99")
    assert (full.status_code, full.json["code"]) == (409, "too_many_supplements")
    assert "10" in full.json["detail"]
    first = http.get("/supplements?limit=4").json
    assert len(first["items"]) == 4
    rest = http.get(f"/supplements?limit=100&cursor={first['next']}").json
    assert len(rest["items"]) == 6
    clerk = staff_factory().actor
    lantai.supplement_desk.give_back(clerk, UUID(first["items"][0]["id"]), 1, "unreadable", "请重新扫描")
    assert post(http, jpeg(), "supplement-98").status_code == 201
    returned = http.get(f"/supplements/{first['items'][0]['id']}").json
    assert (returned["state"], returned["reason"], returned["answer"]) == (
        "returned",
        "扫描不清晰或缺页",
        "请重新扫描",
    )


def test_accepted_it_stands_in_the_catalogue(
    http: ApiClient, lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    sent = post(http, jpeg()).json
    clerk = staff_factory().actor
    before = http.get("/dossier").json["version"]
    lantai.supplement_desk.accept(clerk, UUID(sent["id"]), 1, Entry("7", "", "竞赛获奖证书"))
    seen = http.get(f"/supplements/{sent['id']}").json
    catalogue = http.get("/dossier").json
    item = next(i for i in catalogue["items"] if i["id"] == seen["material_id"])
    assert (seen["state"], item["title"], item["has_file"]) == ("accepted", "竞赛获奖证书", True)
    assert catalogue["version"] == before + 1
    log = {e["type"] for e in http.get("/dossier/access-log").json["items"]}
    assert "dossier.catalogue_read" in log


def test_a_step_up_for_corrections_is_needed_to_send_one(person: Person, signed_in: Callable[..., ApiClient]) -> None:
    refused = post(signed_in(person), jpeg())
    assert (refused.status_code, refused.json["code"]) == (403, "step_up_required")
    assert refused.json["purpose"] == "correct"


def test_kinds_are_those_of_the_class_map(http: ApiClient) -> None:
    kinds = http.get("/supplements/kinds").json
    found = {k["kind"]: k for k in kinds["items"]}
    assert found["transcript"]["class_code"] == "4-1"
    assert "confidential" not in found
    assert kinds["version"]


def test_somebody_elses_is_not_found(
    http: ApiClient, graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    sent = post(http, jpeg()).json
    other = signed_in(graduate_factory())
    assert other.get(f"/supplements/{sent['id']}").json["code"] == "supplement_not_found"
    assert other.get("/supplements").json["items"] == []
