"""Supplements at the desk: found, looked at, accepted or given back, and never decided twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.actors import Purpose, Role
from app.dossiers.models import MaterialVersion
from app.errors import DomainError
from app.events import Event
from app.materials.rules import Entry
from app.materials.service import NewSupplement
from app.materials.views import SupplementView
from parts import Lantai
from tests import fakes
from tests.conftest import Person
from tests.staff_console.conftest import Desk
from tests.staff_console.scans import Measuring, followed, materials, picture, send

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture(autouse=True)
def measuring(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in (lantai.scans, lantai.supplements):
        monkeypatch.setattr(service, "_cleaner", Measuring())


@pytest.fixture
def send_in(lantai: Lantai, clock: fakes.FakeClock) -> Callable[..., SupplementView]:
    def make(person: Person, mark: int = 0, title: str = "获奖证书") -> SupplementView:
        actor = person.actor(Purpose.CORRECT, now=clock.now())
        new = NewSupplement("7", "", title, "2025-05", "请补入档案")
        return lantai.supplements.submit(
            actor, lantai.supplements.prepare(actor, new, picture(mark, 150), "image/jpeg")
        )

    return make


def test_a_supplement_is_found_looked_at_and_accepted(
    desk: Desks, graduate_factory: People, send_in: Callable[..., SupplementView], lantai: Lantai, run_jobs: Any
) -> None:
    person, clerk = graduate_factory(), desk(Role.REVIEWER)
    sent = send_in(person)
    path = f"/supplements/{sent.line.id}"
    home = clerk.read("/")
    assert "补充材料待审核 1" in home.text
    assert "：获奖证书" in home.text
    assert sent.line.number in clerk.read("/supplements").text
    assert sent.line.number not in clerk.read("/supplements?class=6").text
    page = clerk.read(path)
    for words in ("获奖证书", "请补入档案", "150 dpi，低于"):
        assert words in page.text
    assert clerk.get(f"{path}/preview").mimetype == "image/jpeg"
    assert clerk.get(f"{path}/file").data == picture(0, 150)
    form = page.forms[f"/console{path}/accept"]
    assert (form["title"], form["class_code"], form["formed_on"]) == ("获奖证书", "7", "2025-05")
    done = clerk.post(f"{path}/accept", {**form, "title": "省级竞赛获奖证书"})
    assert done.status_code == 303
    (material,) = materials(lantai, person)
    assert "已归档" in clerk.read(path).text
    assert "省级竞赛获奖证书" in clerk.read(f"/materials/{material.id}").text
    with lantai.db.transaction() as session:
        version = session.scalars(select(MaterialVersion).where(MaterialVersion.material_id == material.id)).one()
        reads = session.scalars(select(Event.data).where(Event.type == "supplement.read")).all()
    assert (version.source.value, version.source_id) == ("staff", sent.line.id)
    assert {d["part"] for d in reads} == {"page", "preview", "file"}
    run_jobs()
    (notice,), _ = lantai.inbox.notices(person.actor(), before=None, limit=5)
    assert notice.title == "补充材料：已归档"
    assert sent.line.number in clerk.read("/supplements?state=accepted").text
    again = clerk.post(f"{path}/accept", form)
    assert again.status_code == 412


def test_a_supplement_is_given_back_with_reason_and_words(
    desk: Desks,
    graduate_factory: People,
    send_in: Callable[..., SupplementView],
    lantai: Lantai,
    clock: fakes.FakeClock,
) -> None:
    person, clerk = graduate_factory(), desk()
    sent = send_in(person)
    path = f"/supplements/{sent.line.id}"
    form = clerk.read(path).forms[f"/console{path}/return"]
    for values, words in (
        ({"reason": "", "words": "x"}, "请选择理由"),
        ({"reason": "unreadable", "words": " "}, "必填"),
    ):
        answer = clerk.post(f"{path}/return", {**form, **values})
        assert (answer.status_code, words in answer.text) == (422, True), values
    assert clerk.post(f"{path}/return", {**form, "reason": "unreadable", "words": "第二页看不清"}).status_code == 303
    seen = lantai.supplements.supplement(person.actor(), sent.line.id)
    assert (seen.line.state_label, seen.reason, seen.answer) == ("已退回", "扫描不清晰或缺页", "第二页看不清")
    assert materials(lantai, person) == []


def test_content_that_is_filed_already_is_said_and_needs_a_second_thought(
    desk: Desks, graduate_factory: People, send_in: Callable[..., SupplementView], lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    followed(clerk, send(clerk, person, (picture(0, 150), "a.jpg")))
    sent = send_in(person)
    path = f"/supplements/{sent.line.id}"
    page = clerk.read(path)
    assert "本档案中已有内容完全相同的文件" in page.text
    form = page.forms[f"/console{path}/accept"]
    assert clerk.post(f"{path}/accept", form).status_code == 409
    assert clerk.post(f"{path}/accept", {**form, "allow_same": "yes"}).status_code == 303
    assert len(materials(lantai, person)) == 2


def test_of_two_reviewers_one_wins(
    graduate_factory: People, send_in: Callable[..., SupplementView], desk: Desks, lantai: Lantai
) -> None:
    """Eight races of an acceptance against a return, on PostgreSQL: one decision each, and no orphan."""
    one, two = desk().login.actor, desk(Role.REVIEWER).login.actor
    files = lantai.outside.files
    assert isinstance(files, fakes.MemoryFiles)
    person = graduate_factory()
    wins = {"accept": 0, "return": 0}
    for n in range(8):
        sent = send_in(person, n).line
        before, gate = len(files.files), threading.Barrier(2)
        outcome: list[str] = []

        def act(name: str, do: Callable[[], object], gate: threading.Barrier, outcome: list[str]) -> None:
            gate.wait()
            try:
                do()
            except DomainError as error:
                outcome.append(error.code)
            else:
                outcome.append(name)

        deeds: list[tuple[str, Callable[[], object]]] = [
            ("accept", partial(lantai.supplement_desk.accept, one, sent.id, 1, Entry("7", "", f"证书{n}"))),
            ("return", partial(lantai.supplement_desk.give_back, two, sent.id, 1, "other", "不需要")),
        ]
        threads = [threading.Thread(target=act, args=(*deed, gate, outcome)) for deed in deeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winner = next(o for o in outcome if o in wins)
        wins[winner] += 1
        assert sorted(outcome) == sorted([winner, "supplement_changed"])
        assert len(files.files) - before == (2 if winner == "accept" else 0)
    assert len(materials(lantai, person)) == wins["accept"]
