"""The partner door: batches and single graduates pushed by machines, each as often as the network pleases."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]
import pytest
from flask import Flask

from app.actors import Actor
from app.errors import Unavailable
from app.imports.service import ImportService
from app.imports.views import BatchView
from partner_api import door
from parts import Lantai
from tests.conftest import make_id_number
from tests.partner_api.conftest import API, Machine

HEADER = "学号,姓名,身份证号,学院,专业,学历层次,毕业年份"
BAD_ID = "110105200403150000"
KEY = "cohort-2026-01"
Jobs = Callable[[], None]


def table(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode("utf-8-sig")


def line(n: int, id_number: str = "") -> str:
    return f"2022{n:06d},测试甲,{id_number or make_id_number(n)},文学院,档案学,本科,2026"


def push(machine: Machine, data: bytes, key: str = KEY, query: str = "?start=import") -> Any:
    return machine.post(f"/batches{query}", key, data={"file": (io.BytesIO(data), "a.csv")})


def record(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "student_number": f"2022{n:06d}",
        "name": "测试乙",
        "id_number": make_id_number(n),
        "college": "文学院",
        "major": "档案学",
        "degree_level": "本科",
        "cohort_year": 2026,
        **changes,
    }


def on_file(lantai: Lantai, n: int) -> bool:
    with lantai.db.transaction() as session:
        return lantai.people.student_exists(session, f"2022{n:06d}")


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_taken_worked_on_and_told(campus: Machine, run_jobs: Jobs, lantai: Lantai) -> None:
    pushed = push(campus, table(line(1), line(2, BAD_ID), line(3)))
    assert pushed.status_code == 202
    assert pushed.headers["Location"] == pushed.json["links"]["self"]
    assert pushed.json["state"] == "importing"
    run_jobs()
    told = campus.get(pushed.headers["Location"].removeprefix(API)).json
    assert (told["state"], told["counts"]) == ("done", {"filed": 2, "refused": 1, "skipped": 0})
    assert told["progress"] == {"percent": 100, "done": 3, "rows": 3}
    assert told["started_at"] <= told["finished_at"]
    assert [on_file(lantai, n) for n in (1, 2, 3)] == [True, False, True]


def test_the_same_push_again_is_the_same_batch(campus: Machine, run_jobs: Jobs) -> None:
    first = push(campus, table(line(1)))
    assert push(campus, table(line(1))).json["id"] == first.json["id"]
    run_jobs()
    again = push(campus, table(line(1)))
    assert (again.status_code, again.json["id"], again.json["state"]) == (202, first.json["id"], "done")
    other = push(campus, table(line(2)))
    assert (other.status_code, other.json["code"]) == (409, "batch_key_reused")


def test_one_clients_key_is_nothing_to_another(new_machine: Callable[[], Machine]) -> None:
    ours, theirs = new_machine(), new_machine()
    assert push(ours, table(line(1))).json["id"] != push(theirs, table(line(1))).json["id"]
    mine = push(ours, table(line(1))).json["id"]
    assert theirs.get(f"/batches/{mine}").json["code"] == "batch_not_found"


@pytest.mark.parametrize(("query", "state"), [("", "uploaded"), ("?start=check", "checking")])
def test_a_batch_may_wait_and_be_started(
    query: str, state: str, campus: Machine, run_jobs: Jobs, lantai: Lantai
) -> None:
    batch = push(campus, table(line(1)), query=query).json
    assert batch["state"] == state
    run_jobs()
    assert not on_file(lantai, 1)
    for _ in range(2):  # a lost answer is no reason for a second import
        assert campus.post(f"/batches/{batch['id']}/start").status_code == 202
    run_jobs()
    assert campus.post(f"/batches/{batch['id']}/start").json["state"] == "done"
    assert on_file(lantai, 1)


def test_a_raw_body_is_a_file_too(campus: Machine, run_jobs: Jobs, lantai: Lantai) -> None:
    pushed = campus.post("/batches?start=import&name=届.csv", KEY, data=table(line(1)), content_type="text/csv")
    assert (pushed.status_code, pushed.json["name"]) == (202, "届.csv")
    run_jobs()
    assert on_file(lantai, 1)


def test_a_names_path_is_no_path(campus: Machine) -> None:
    names = (("../../etc/x.csv", "x.csv"), ("a\r\nb.csv", "batch.csv"), ("a", "a.csv"))
    for n, (given, kept) in enumerate(names):
        pushed = campus.post(
            "/batches", f"name-000{n}", data=table(line(1)), content_type="text/csv", query_string={"name": given}
        )
        assert pushed.json["name"] == kept


def test_refused_rows_tell_cell_code_and_words_and_nothing_personal(campus: Machine, run_jobs: Jobs) -> None:
    batch = push(campus, table(line(1), line(2, BAD_ID), line(1))).json
    run_jobs()
    reply = campus.get(f"/batches/{batch['id']}/rows?outcome=refused")
    first, second = reply.json["items"]
    assert first["line"] == 3
    assert first["faults"] == [
        {"column": "身份证号", "cell": "C3", "code": "id_number_check_digit", "detail": "身份证号校验码不正确"}
    ]
    assert second["faults"][0]["code"] == "duplicate_in_file"
    assert "*" in first["student"]
    assert reply.json["next"] is None
    for secret in (BAD_ID, "2022000001", "2022000002", "测试甲"):
        assert secret not in reply.text


def test_rows_are_paged_by_an_opaque_cursor(campus: Machine, run_jobs: Jobs) -> None:
    batch = push(campus, table(*[line(n, BAD_ID) for n in range(1, 8)])).json
    run_jobs()
    seen, query = list[int](), "?limit=3"
    for _ in range(4):
        page = campus.get(f"/batches/{batch['id']}/rows{query}").json
        seen += [r["line"] for r in page["items"]]
        if page["next"] is None:
            break
        query = f"?limit=3&cursor={page['next']}"
    assert seen == [2, 3, 4, 5, 6, 7, 8]
    for wrong in ("?limit=0", "?limit=501", "?cursor=xx", "?outcome=odd", "?offset=3"):
        assert campus.get(f"/batches/{batch['id']}/rows{wrong}").json["code"] == "unknown_query", wrong


def test_the_error_file_is_mended_and_pushed_again(campus: Machine, run_jobs: Jobs, lantai: Lantai) -> None:
    batch = push(campus, table(line(1), line(2, BAD_ID))).json
    run_jobs()
    file = campus.get(f"/batches/{batch['id']}/errors.csv")
    assert file.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [r["学号"] for r in rows] == ["2022000002"]
    mended = file.data.decode("utf-8-sig").replace(BAD_ID, make_id_number(2))
    push(campus, mended.encode(), "cohort-2026-01-mended")
    run_jobs()
    assert on_file(lantai, 2)
    clean = push(campus, table(line(5)), "clean-batch").json
    run_jobs()
    assert campus.get(f"/batches/{clean['id']}/errors.csv").json["code"] == "import_nothing_refused"


def test_a_file_that_cannot_be_used_says_why(campus: Machine, run_jobs: Jobs) -> None:
    batch = push(campus, "学号,姓名\n1,甲".encode()).json
    run_jobs()
    told = campus.get(f"/batches/{batch['id']}").json
    assert told["state"] == "failed"
    assert any("缺少列：身份证号" in p["detail"] for p in told["problems"])


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"key": ""}, 400, "idempotency_key_required"),
        ({"key": "short"}, 422, "idempotency_key_malformed"),
        ({"data": b"x", "content_type": "application/x-odd"}, 415, "batch_content_type"),
        ({"data": {"other": "x"}, "content_type": "multipart/form-data"}, 422, "file_required"),
        ({"data": b"", "content_type": "text/csv"}, 422, "source_empty"),
        ({"query_string": {"start": "now"}}, 422, "unknown_query"),
        ({"query_string": {"begin": "import"}}, 422, "unknown_query"),
    ],
)
def test_a_push_that_cannot_be_read_is_a_clear_problem(
    more: dict[str, Any], status: int, code: str, campus: Machine
) -> None:
    call = {"key": KEY, "data": table(line(1)), "content_type": "text/csv", **more}
    reply = campus.post("/batches", **call)
    assert (reply.status_code, reply.json["code"]) == (status, code)
    assert reply.content_type == "application/problem+json"


def test_bodies_have_limits(campus: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partner_api.ingest.BATCH_MOST", 2000)
    monkeypatch.setattr(door, "JSON_MOST", 2000)
    for reply in (
        push(campus, bytes(3000)),
        campus.post("/batches", KEY, data=bytes(3000), content_type="text/csv"),
        campus.post("/graduates", KEY, json=record(1, name="长" * 3000)),
    ):
        assert (reply.status_code, reply.json["code"]) == (413, "too_large")


# --- one graduate -----------------------------------------------------------------------------------------------------


def test_one_graduate_is_filed_once_with_everything(campus: Machine, lantai: Lantai, run_jobs: Jobs) -> None:
    body = record(
        1,
        phone="13800138001",
        birth_date="2004-03-15",
        courses=[{"course_name": "档案学概论", "term": "2024-2025-1", "credit": "3", "grade": "92"}],
        awards=[{"award_name": "三好学生", "level": "校级"}, {"award_name": "优秀毕业生"}],
        materials=[{"class_code": "4-1", "title": "成绩单", "pages": 2}],
    )
    first, again = (campus.post("/graduates", "graduate-1", json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json == again.json
    assert first.headers["Location"] == first.json["batch"]
    found = lantai.holdings.of(UUID(first.json["id"]))
    assert "优秀毕业生" in repr([r.body for r in found.records])
    assert [m.title for m in found.materials] == ["成绩单"]
    assert campus.get(first.json["batch"].removeprefix(API)).json["counts"]["filed"] == 1


def test_the_same_key_for_another_graduate_is_refused(campus: Machine, lantai: Lantai) -> None:
    campus.post("/graduates", "graduate-1", json=record(1))
    other = campus.post("/graduates", "graduate-1", json=record(2))
    assert (other.status_code, other.json["code"]) == (409, "batch_key_reused")
    taken = campus.post("/graduates", "graduate-2", json=record(1, name="测试丙"))
    assert (taken.status_code, taken.json["code"]) == (409, "student_exists")
    assert not on_file(lantai, 2)


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"id_number": BAD_ID}, "/id_number", "id_number_check_digit"),
        ({"name": "<b>甲</b>"}, "/name", "name_wrong_character"),
        ({"birth_date": "2004-03-16"}, "/birth_date", "birth_date_differs"),
        ({"degree_level": "学士"}, "/degree_level", "literal_error"),
        ({"cohort_year": "2026"}, "/cohort_year", "int_type"),
        ({"odd": 1}, "/odd", "extra_forbidden"),
        ({"college": None}, "/college", "string_type"),
        ({"awards": [{"level": "校级"}]}, "/awards/0/award_name", "missing"),
        ({"materials": [{"class_code": "77", "title": "x"}]}, "/materials/0/class_code", "unknown_class"),
        (
            {"materials": [{"class_code": "1", "title": "x"}, {"class_code": "77", "title": "x"}]},
            "/materials/1/class_code",
            "unknown_class",
        ),
    ],
)
def test_wrong_fields_are_named_by_pointer(
    changes: dict[str, Any], pointer: str, code: str, campus: Machine, lantai: Lantai
) -> None:
    reply = campus.post("/graduates", "graduate-1", json=record(1, **changes))
    assert reply.status_code == 422
    assert [(e["pointer"], e["code"]) for e in reply.json["errors"]] == [(pointer, code)]
    assert reply.json["errors"][0]["detail"] not in ("有误", "")
    assert BAD_ID not in reply.text
    assert not on_file(lantai, 1)


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "json_malformed"),
        (b"", "application/json", 400, "json_malformed"),
        (b"\xff\xfe", "application/json", 400, "json_malformed"),
        (b"[" * 100_000, "application/json", 400, "json_malformed"),
        (b"[]", "application/json", 422, "invalid_input"),
        (b"{}", "text/plain", 415, "json_content_type"),
    ],
)
def test_a_body_that_is_no_record(data: bytes, content_type: str, status: int, code: str, campus: Machine) -> None:
    reply = campus.post("/graduates", "graduate-1", data=data, content_type=content_type)
    assert (reply.status_code, reply.json["code"]) == (status, code)


def test_an_interrupted_filing_is_finished_by_the_retry(
    campus: Machine, lantai: Lantai, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: ImportService, actor: Actor, batch_id: UUID) -> BatchView:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(ImportService, "import_now", away)
        assert campus.post("/graduates", "graduate-1", json=record(1)).status_code == 503
    assert campus.post("/graduates", "graduate-1", json=record(1)).status_code == 201
    assert on_file(lantai, 1)


# --- documents and limits ---------------------------------------------------------------------------------------------


def test_the_schema_is_published_for_everybody(app: Flask) -> None:
    reply: Any = app.test_client().get(f"{API}/schemas/graduate.json")
    assert reply.content_type == "application/schema+json"
    document: Any = reply.json
    jsonschema.Draft202012Validator.check_schema(document)
    jsonschema.Draft202012Validator(document).validate(record(1))
    absent: Any = app.test_client().get(f"{API}/schemas/other.json")
    assert absent.json["code"] == "schema_not_found"


def test_problems_are_english_where_asked(campus: Machine) -> None:
    reply = campus.post("/batches", headers={"Accept-Language": "en"})
    assert reply.json["detail"] == "An Idempotency-Key header is required"


def test_what_a_machine_did_stands_in_the_log_as_its_own(campus: Machine, lantai: Lantai) -> None:
    batch = push(campus, table(line(1))).json
    with lantai.db.transaction() as session:
        events = lantai.log.of_object(session, "import_batch", UUID(batch["id"]))
    assert {(e.actor_kind.value, e.actor_id) for e in events} == {("partner", campus.actor.id)}
