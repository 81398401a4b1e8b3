"""The main story at the graduates' door, on a real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.actors import Role
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin, World


def test_a_graduate_reads_corrects_and_is_told(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    person = graduate_factory()
    http = signed_in(person)
    catalogue = http.get("/dossier")
    assert catalogue.status_code == 200
    zones = {i["zone"] for i in catalogue.json["items"]}
    assert zones == {"A", "B", "C"}
    courses = http.get("/dossier/sections/course").json["records"]
    record = courses[0]
    ticket: Any = http.post(
        "/corrections",
        json={
            "kind": "transcription",
            "statement": "成绩录入有误",
            "record_id": record["id"],
            "base_version": record["version"],
            "changes": {"grade": "95"},
        },
        headers={"Idempotency-Key": "key-00000001"},
    )
    assert ticket.status_code == 201, ticket.json
    staff = staff_factory(Role.ARCHIVIST)
    seen = lantai.desk.ticket(staff.actor, ticket.json["id"])
    done = lantai.desk.accept(staff.actor, seen.line.id, seen.line.version, "已核对原件")
    assert done.line.state.value == "applied"
    run_jobs()
    assert [m.fields["phrase2"] for m in world.wechat_sender.sent][-1] == "已更正"
    after = http.get(f"/dossier/records/{record['id']}").json
    assert [v["body"]["grade"] for v in after["versions"]] == ["80", "95"]
    assert after["versions"][1]["changed"] == ["grade"]
    notices = http.get("/notices").json
    assert notices["items"][0]["title"] == "更正申请：已更正"
