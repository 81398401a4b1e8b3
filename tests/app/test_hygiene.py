"""Marked personal data goes through the whole story; afterwards none of it stands where it must not."""

from __future__ import annotations

import base64
import io
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import text

from app import logs
from app.actors import Role
from app.dossiers.rules import Section
from app.people.service import Card
from app.transfers.rules import Evidence
from app.transfers.states import State
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin, World, make_id_number
from tests.fakes import MemoryFiles, jpeg
from tests.moving import desk_pair, lead
from tests.moving import opened as begun

PROJECT = Path(__file__).resolve().parents[2]
NAME, STATEMENT, REPLY, TRACKING = "金丝雀名", "金丝雀陈述", "金丝雀答复", "EA770077005CN"


def canaries(person: Person, *tokens: str) -> list[str]:
    card = person.card
    return [card.name, card.id_number, card.student_number, card.phone, STATEMENT, REPLY, TRACKING, *tokens]


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is logged, in the form production writes it, and what is printed."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure(logging.DEBUG)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def story(person: Person, http: ApiClient, staff: StaffLogin, lantai: Lantai, run_jobs: Callable[[], None]) -> None:
    record = http.get("/dossier/sections/identity").json["records"][0]
    assert record["body"]["name"] == person.card.name
    evidence = http.post(
        "/evidence",
        data={"file": (BytesIO(jpeg()), f"{NAME}.jpg")},
        content_type="multipart/form-data",
        headers={"Idempotency-Key": "canary-0001"},
    ).json
    opened = http.post(
        "/corrections",
        json={"kind": "other", "statement": STATEMENT, "evidence_ids": [evidence["id"]]},
        headers={"Idempotency-Key": "canary-0002"},
    ).json
    seen = lantai.desk.ticket(staff.actor, opened["id"])
    lantai.desk.reject(staff.actor, seen.line.id, seen.line.version, "other", REPLY)
    lantai.people.find_by_student_number(staff.actor, person.card.student_number)
    pair = desk_pair(lantai)
    view = lead(lantai, pair, begun(lantai, staff.actor, person.id), State.SEALED)
    handed = {Evidence.TRACKING_NUMBER: TRACKING}
    lantai.transfers.move(pair.first, view.id, view.version, State.HANDED_TO_CARRIER, handed)
    run_jobs()
    # and what goes wrong must be as silent as what goes right
    http.post("/corrections", json={"kind": "other", "statement": STATEMENT, "phone": person.card.phone})
    http.http.post("/api/v1/claims", json={"name": NAME, "id_number": person.card.id_number})
    http.http.get(f"/api/v1/{person.card.id_number}")


def test_no_canary_leaves_its_sealed_place(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    world: World,
    run_jobs: Callable[[], None],
    captured: io.StringIO,
    caplog: pytest.LogCaptureFixture,
) -> None:
    card = Card(NAME, make_id_number(777), "2022777777", "13877777777")
    made = graduate_factory(card=card, records=_records(card))
    person = Person(made.id, card, made.dossier_id)
    http, staff = signed_in(person), staff_factory(Role.ARCHIVIST)
    story(person, http, staff, lantai, run_jobs)
    marks = canaries(person, http.token)
    stores = {"logs": captured.getvalue() + caplog.text, "database": _dump(lantai)}
    stores["pushes"] = str(world.wechat_sender.sent)
    files = lantai.outside.files
    assert isinstance(files, MemoryFiles)
    stores["files"] = b"".join(files.files.values()).decode("latin-1")
    for where, content in stores.items():
        for canary in marks:
            forms = (canary, canary.encode().hex(), base64.b64encode(canary.encode()).decode().rstrip("="))
            assert not [f for f in forms if f in content], f"{where} holds {canary!r}"
    assert "event" in stores["database"]
    assert len(stores["database"]) > 10_000


def test_the_search_for_canaries_finds_a_planted_one(
    graduate_factory: Callable[..., Person], lantai: Lantai, captured: io.StringIO
) -> None:
    """A search that cannot find anything proves nothing."""
    person = graduate_factory()
    with lantai.db.transaction() as session:
        session.execute(text("update graduate set major = :m"), {"m": person.card.name})
    assert person.card.name in _dump(lantai)
    logging.getLogger("somebody").warning("about %s", person.card.name)
    assert person.card.name in captured.getvalue()


def test_the_last_net_masks_numbers_and_secrets(captured: io.StringIO) -> None:
    line = f'id {make_id_number(5)} phone 13812345678 access_token=abc123 "session_key": "k-k" js_code=071'
    logging.getLogger("library").warning(line)
    logs_text = captured.getvalue()
    for secret in (make_id_number(5), "13812345678", "abc123", "k-k", "071"):
        assert secret not in logs_text, secret
    try:
        raise ValueError("13812345678")
    except ValueError:
        logging.getLogger("library").exception("failed")
    assert "13812345678" not in captured.getvalue()
    assert "ValueError" in captured.getvalue()


def _records(card: Card) -> dict[Section, list[dict[str, str]]]:
    return {
        Section.IDENTITY: [{"name": card.name, "id_number": card.id_number, "phone": card.phone}],
        Section.ENROLMENT: [
            {
                "student_number": card.student_number,
                "college": "文学院",
                "major": "档案学",
                "destination_code": "ABCDEF123456789012",
            }
        ],
    }


def _dump(lantai: Lantai) -> str:
    """Every row of every table as text: event data, job arguments, notices, sealed columns as hex."""
    out = []
    with lantai.db.transaction() as session:
        tables = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        for table in tables:
            out += [f"{table} {row}" for row in session.scalars(text(f"select t::text from {table} t"))]
    return "\n".join(out)


def test_a_log_line_that_nobody_can_take_fails_no_one() -> None:
    """As when the web master is killed: its supervisor closes the pipe while an orphaned worker still answers."""
    program = (
        "import os, sys, structlog\n"
        "from app import logs\n"
        "logs.configure()\n"
        "structlog.get_logger().warning('before')\n"
        "reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 2)\n"
        "structlog.get_logger().warning('after')\n"
        "logs.logging.getLogger('library').warning('after')\n"
        "os.write(1, b'went on'); os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=PROJECT, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, b"went on")
    assert b"before" in done.stderr
