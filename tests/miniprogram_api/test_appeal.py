"""Kinds with what they ask for, and the appeal, through the graduates' door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.actors import Role
from app.corrections.kinds import KINDS
from app.dossiers.models import Record
from app.dossiers.rules import Zone
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin

SignedIn = Callable[..., ApiClient]
Refused = Callable[..., tuple[ApiClient, dict[str, Any]]]


@pytest.fixture
def refused(signed_in: SignedIn, staff_factory: Callable[..., StaffLogin], lantai: Lantai) -> Refused:
    """A ticket that was refused, as its graduate sees it."""

    def make(person: Person) -> tuple[ApiClient, dict[str, Any]]:
        http, staff = signed_in(person), staff_factory(Role.ARCHIVIST)
        made = http.post(
            "/corrections",
            json={"kind": "other", "statement": "请核对学籍"},
            headers={"Idempotency-Key": "open-a-ticket"},
        ).json
        lantai.casework.note(staff.actor, made["id"], "内部：原件在三号柜")
        lantai.desk.reject(staff.actor, made["id"], made["version"], "record_is_right", "原件如此")
        return http, http.get(f"/corrections/{made['id']}").json

    return make


def test_kinds_say_what_they_ask_for(graduate_factory: Callable[..., Person], signed_in: SignedIn) -> None:
    items = {k["kind"]: k for k in signed_in(graduate_factory()).get("/corrections/kinds").json["items"]}
    assert set(items) == {k.value for k in KINDS}
    unit = items["forming_unit"]
    assert [(p["code"], p["when"]) for p in unit["proofs"]] == [
        ("supporting_document", "intake"),
        ("unit_reply", "decision"),
    ]
    assert "30 个工作日" in unit["clock_words"]
    assert items["missing_material"]["takes_material"]
    assert all(r["law"].startswith("《") for k in items.values() for r in k["refusals"])


def test_an_appeal_once_with_its_words(graduate_factory: Callable[..., Person], refused: Refused) -> None:
    http, seen = refused(graduate_factory())
    path, body = f"/corrections/{seen['id']}/appeal", {"text": "请再核对原件"}
    assert seen["law"].startswith("《个人信息保护法》")
    assert "appeal" in seen["moves"]
    assert seen["appeal_until"] is not None
    assert "三号柜" not in str(seen)
    assert "notes" not in seen
    headers = {"Idempotency-Key": "appeal-this-one", "If-Match": f'"{seen["version"]}"'}
    assert http.post(path, json=body, headers={"Idempotency-Key": "appeal-without"}).status_code == 428
    stale = {"Idempotency-Key": "appeal-stale-one", "If-Match": f'"{seen["version"] - 1}"'}
    assert http.post(path, json=body, headers=stale).status_code == 412
    first = http.post(path, json=body, headers=headers)
    twice = http.post(path, json=body, headers=headers)
    assert first.status_code == twice.status_code == 200
    assert first.json == twice.json
    made = first.json
    assert (made["state"], made["state_label"], made["appealed"]) == ("submitted", "复核·已提交", True)
    assert [d["outcome"] for d in made["decisions"]] == ["rejected"]
    assert made["timeline"][-1]["words"] == "申请人申请复核"
    again = {"Idempotency-Key": "appeal-once-more", "If-Match": f'"{made["version"]}"'}
    assert http.post(path, json=body, headers=again).json["code"] == "move_not_allowed"


def test_a_foreign_ticket_is_absent(
    graduate_factory: Callable[..., Person], refused: Refused, signed_in: SignedIn
) -> None:
    _, seen = refused(graduate_factory())
    other = signed_in(graduate_factory())
    headers = {"Idempotency-Key": "appeal-foreign", "If-Match": f'"{seen["version"]}"'}
    answer = other.post(f"/corrections/{seen['id']}/appeal", json={"text": "x"}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (404, "ticket_not_found")


def test_what_is_not_shown_cannot_be_asked_about(
    graduate_factory: Callable[..., Person], signed_in: SignedIn, lantai: Lantai
) -> None:
    """A record in a sealed zone is refused before anything of it could come back in the comparison."""
    http = signed_in(graduate_factory())
    record = http.get("/dossier/sections/course").json["records"][0]
    for zone in (Zone.B, Zone.C):
        with lantai.db.transaction() as session:
            session.execute(update(Record).where(Record.id == record["id"]).values(zone=zone))
        answer = http.post(
            "/corrections",
            json={
                "kind": "transcription",
                "statement": "有误",
                "record_id": record["id"],
                "changes": {"grade": "99"},
            },
            headers={"Idempotency-Key": f"sealed-zone-{zone.value}"},
        )
        assert (answer.status_code, answer.json["code"]) == (404, "record_not_shown")


def test_a_foreign_record_is_absent(
    graduate_factory: Callable[..., Person], signed_in: SignedIn, lantai: Lantai
) -> None:
    """Answered as one that never was: neither its section nor its values come back, and no ticket is made."""
    theirs = signed_in(graduate_factory()).get("/dossier/sections/course").json["records"][0]
    http = signed_in(graduate_factory())
    answers = []
    for number, record_id in enumerate((theirs["id"], str(uuid4()))):
        body = {"kind": "transcription", "statement": "有误", "record_id": record_id, "changes": {"grade": "99"}}
        answer = http.post("/corrections", json=body, headers={"Idempotency-Key": f"foreign-record-{number}"})
        answers.append((answer.status_code, answer.json["code"]))
    assert answers == [(404, "record_not_found")] * 2
    assert http.get("/corrections").json["items"] == []


def test_a_missing_material_is_named_by_class_and_title(
    graduate_factory: Callable[..., Person], signed_in: SignedIn
) -> None:
    http = signed_in(graduate_factory())
    body = {"kind": "missing_material", "statement": "缺少登记表", "missing": {"class_code": "7", "title": "登记表"}}
    made = http.post("/corrections", json=body, headers={"Idempotency-Key": "missing-named"})
    assert made.json["missing"] == {"class_code": "7", "title": "登记表"}
    assert made.json["proofs"][0]["given"] is False
    wrong = {**body, "missing": {"class_code": "99", "title": "登记表"}}
    refused = http.post("/corrections", json=wrong, headers={"Idempotency-Key": "missing-wrong"})
    assert refused.json["errors"][0]["pointer"] == "/missing/class_code"
