"""群发通知 at the console: written, counted, started by two, paused and gone on with, and read person by person."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.actors import Role
from app.corrections.queue_models import CollegeDuty
from app.jobs import DeliverNotice
from app.people.models import PlatformIdentity
from notifications.campaigns import reading
from notifications.campaigns.rules import Segment
from notifications.fault_actions import ACTIONS, OTHERS, action_of
from notifications.models import AttemptState, DeliveryAttempt, Notice
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.campaigns.cohorts import cohort, told, wish
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
YEAR = 2026


@pytest.fixture
def first(desk: Desks) -> Desk:
    return desk(Role.ARCHIVIST)


@pytest.fixture
def second(desk: Desks) -> Desk:
    return desk(Role.REVIEWER)


def filled(clock: FakeClock, **changes: Any) -> dict[str, Any]:
    until = (clock.now() + timedelta(days=30)).date().isoformat()
    return {"notice": "check_dossier", "until": until, "cohort": str(YEAR), **changes}


def path_of(reply: Any) -> str:
    assert reply.status_code == 303, reply.text
    return str(reply.headers["Location"]).removeprefix("/console")


def drafted(desk: Desk, clock: FakeClock, **changes: Any) -> str:
    return path_of(desk.post("/campaigns", filled(clock, **changes)))


def version(desk: Desk, path: str) -> dict[str, str]:
    found = re.search(r'name="version" value="(\d+)"', desk.get(path).text)
    assert found
    return {"version": found[1]}


def act(desk: Desk, path: str, deed: str) -> Any:
    return desk.post(f"{path}/{deed}", version(desk, path))


def test_from_an_empty_list_to_everybody_told(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock, graduate_factory: People
) -> None:
    assert "还没有群发通知" in first.read("/campaigns").text
    people = [graduate_factory(cohort_year=YEAR) for _ in range(3)]
    path = drafted(first, clock)
    page = first.read(path).text
    assert all(words in page for words in ("草稿已保存", "请核对档案信息", "2026 届，全部学院", "符合条件 3 人"))
    assert act(first, path, "propose").status_code == 303
    page = second.read(path).text
    assert "将向 3 人发送" in page
    assert act(second, path, "start").status_code == 303
    assert "发送中" in second.read(path).text
    assert act(first, path, "pause").status_code == 303
    assert "已暂停" in second.read(path).text
    lantai.campaign_sending.tick()
    assert told(lantai) == []
    assert act(second, path, "resume").status_code == 303
    lantai.campaign_sending.tick()
    page = first.read(path).text
    assert "已处理 3 / 3 人" in page
    assert "已完成" in page
    assert sorted(told(lantai)) == sorted(p.id for p in people)
    assert not [p for p in people if p.card.name in page], "names are masked"
    listed = first.read("/campaigns").text
    assert "3 / 3" in listed


def test_what_a_pause_holds_is_said(first: Desk, second: Desk, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 30, bound=30, year=YEAR)
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    lantai.campaign_sending.tick()
    act(first, path, "pause")
    assert "已暂存" not in first.read(path).text
    with lantai.db.transaction() as session:
        notices = session.scalars(select(Notice.id).limit(2)).all()
    for notice in notices:
        lantai.delivery.deliver(DeliverNotice(notice, bulk=True))
    assert "暂停期间轮到 2 人" in first.read(path).text
    act(second, path, "resume")
    assert "正在陆续发送，还有 2 人" in first.read(path).text
    clock.advance(seconds=1)
    lantai.campaign_sending.tick()
    assert "陆续发送" not in first.read(path).text


def test_one_that_is_done_is_stopped_on_its_page_while_pushes_wait(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock
) -> None:
    cohort(lantai, 3, bound=2, year=YEAR)
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    lantai.campaign_sending.tick()
    page = first.read(path).text
    assert all(words in page for words in ("已完成", "仍有 2 人的提醒、邮件或短信等待发送", "确认暂停", "确认取消"))
    assert act(first, path, "pause").status_code == 303
    assert "暂存的提醒、邮件和短信将陆续发送" in first.read(path).text
    assert act(second, path, "resume").status_code == 303
    lantai.campaign_sending.tick()
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
    page = first.read(path).text
    assert "已完成" in page
    assert "等待发送，可以停止" not in page
    assert "确认取消" not in page


def test_a_dry_run_saves_nothing_and_keeps_what_was_typed(first: Desk, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 4, bound=1, year=YEAR)
    cohort(lantai, 2, college="工学院", year=YEAR)
    page = first.post("/campaigns/count", filled(clock, colleges=["理学院"], account="unbound"))
    assert page.status_code == 200
    assert "试算结果" in page.text
    assert re.search(r"符合条件</span><b>3</b>", page.text)
    assert re.search(r"将推送</span><b>0</b>", page.text)
    whole = first.post("/campaigns/count", filled(clock, notice="hand_in")).text
    assert re.search(r"将推送</span><b>1</b>", whole), "one has an account"
    assert "将推送" not in first.post("/campaigns/count", filled(clock, notice="")).text
    assert re.search(r'value="理学院" checked', page.text)
    assert lantai.campaign_reading.campaigns(first.login.actor)[1] == 0


def test_what_is_wrong_stands_beside_its_field(first: Desk, clock: FakeClock) -> None:
    for changes, words in (
        ({"until": ""}, "请选择日期"),
        ({"until": "2020-01-01"}, "日期须在今天到一年以内"),
        ({"notice": "hand_in"}, "只能发给材料不齐的毕业生"),
        ({"notice": "leaving", "on": "", "place": "校外 http://x"}, "请从列出的地点中选择"),
        ({"cohort": "届"}, "请选择届别"),
        ({"level": "博士后"}, "请从列出的学历层次中选择"),
    ):
        reply = first.post("/campaigns", filled(clock, **changes))
        assert reply.status_code == 422, changes
        assert words in reply.text, changes
    for notice in ("", "free_text", "activate"):
        assert first.post("/campaigns", filled(clock, notice=notice)).status_code == 422


def test_many_recipients_need_another_person_and_the_page_says_so(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock
) -> None:
    cohort(lantai, lantai.campaigns.policy.two_above + 1, year=YEAR)
    path = drafted(first, clock)
    act(first, path, "propose")
    assert "须由另一名工作人员启动" in first.read(path).text
    refused = act(first, path, "start")
    assert refused.status_code == 409
    assert "须由提交者以外的另一名工作人员启动" in refused.text
    assert act(second, path, "start").status_code == 303


def test_a_start_asks_for_the_factor_again(first: Desk, second: Desk, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 1, year=YEAR)
    path = drafted(first, clock)
    act(first, path, "propose")
    clock.advance(seconds=400)
    refused = act(second, path, "start")
    assert refused.status_code == 422
    assert "动态口令" in refused.text


def test_a_stale_form_is_told_and_does_nothing(first: Desk, second: Desk, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 1, year=YEAR)
    path = drafted(first, clock)
    old = version(first, path)
    assert second.post(f"{path}/edit", {**filled(clock, level="本科"), **old}).status_code == 303
    refused = first.post(f"{path}/propose", old)
    assert refused.status_code == 412
    assert "已被他人修改或办理" in refused.text
    again = first.post(f"{path}/edit", {**filled(clock), **old})
    assert again.status_code == 412
    assert "2026 届，全部学院，本科" in first.read(path).text


def test_a_draft_is_edited_with_what_it_holds(first: Desk, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 2, year=YEAR)
    path = drafted(first, clock, colleges=["理学院"])
    html = first.get(f"{path}/edit").text
    assert re.search(r'value="理学院" checked', html)
    assert re.search(r'value="check_dossier" required checked', html)
    act(first, path, "propose")
    assert path_of(first.get(f"{path}/edit")) == path
    assert act(first, path, "recall").status_code == 303
    assert first.get(f"{path}/edit").status_code == 200


def test_recipients_are_filtered_paged_and_downloaded(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock, graduate_factory: People
) -> None:
    people = [graduate_factory(cohort_year=YEAR) for _ in range(60)]
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    clock.advance(seconds=2)
    lantai.campaign_sending.tick()
    html = first.get(path).text
    more = re.search(r'rel="next" href="/console([^"]+)"', html)
    assert more
    rest = first.get(more[1].replace("&amp;", "&")).text
    shown = [re.findall(r'data-row href="/console/graduates/([^"]+)"', page) for page in (html, rest)]
    assert [len(s) for s in shown] == [50, 10]
    assert {UUID(i) for page in shown for i in page} == {p.id for p in people}
    assert "没有这样的收件人" in first.read(f"{path}?result=failed").text
    assert len(re.findall("data-row", first.get(f"{path}?result=waiting").text)) == 40
    reply = first.get(f"{path}/recipients.csv?result=inbox")
    rows = list(csv.reader(io.StringIO(reply.data.decode("utf-8-sig"))))
    assert rows[0][0] == "姓名（已遮盖）"
    assert len(rows) == 21
    assert {row[4] for row in rows[1:]} == {"仅站内信"}
    assert not [p for p in people if p.card.name in reply.text]


@pytest.mark.parametrize(("many", "files"), [(4, 1), (5, 2), (8, 2), (9, 3)])
def test_a_long_list_is_downloaded_in_files_that_leave_nobody_out(
    many: int, files: int, first: Desk, second: Desk, lantai: Lantai, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EXPORT_MOST", 4)
    cohort(lantai, many, year=YEAR)
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    lantai.campaign_sending.tick()
    for narrower in ("", "?result=inbox"):
        html = first.get(f"{path}{narrower}").text
        links = re.findall(r'href="/console([^"]+recipients\.csv[^"]*)"', html)
        assert len(links) == files
        rows = [first.get(link.replace("&amp;", "&")).text.strip().splitlines()[1:] for link in links]
        assert [len(r) for r in rows[:-1]] == [4] * (files - 1)
        assert sum(len(r) for r in rows) == many


def test_why_nothing_arrived_is_said_in_the_words_of_every_other_page(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock
) -> None:
    causes = (*ACTIONS, *OTHERS)
    cohort(lantai, len(causes), year=YEAR, bound=len(causes))
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    lantai.campaign_sending.tick()
    with lantai.db.transaction() as session:
        accounts = {i.graduate_id: i.id for i in session.scalars(select(PlatformIdentity))}
        for cause, notice in zip(causes, session.scalars(select(Notice)), strict=True):
            attempt = DeliveryAttempt(
                notice_id=notice.id,
                identity_id=accounts[notice.graduate_id],
                number=1,
                state=AttemptState.FAILED,
                reason=f"{cause}:1",
                created_at=clock.now(),
            )
            session.add(attempt)
    page, rows = first.read(path).text, first.get(f"{path}/recipients.csv").text
    for cause in causes:
        assert action_of(cause).words in page, cause
        assert action_of(cause).words in rows, cause


def test_the_progress_is_a_part_that_ends_by_itself(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock
) -> None:
    cohort(lantai, 30, year=YEAR)
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    lantai.campaign_sending.tick()
    part = first.get(f"{path}?part=progress")
    assert "已处理 <b>20</b> / 30" in part.text
    assert "<html" not in part.text
    assert "HX-Refresh" not in part.headers
    clock.advance(seconds=2)
    lantai.campaign_sending.tick()
    assert first.get(f"{path}?part=progress").headers["HX-Refresh"] == "true"


def test_at_night_the_page_says_when_it_goes_on(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 3, year=YEAR)
    clock.advance(hours=14)  # 23:00 in Beijing
    first, second = desk(Role.ARCHIVIST), desk(Role.REVIEWER)
    path = drafted(first, clock)
    act(first, path, "propose")
    act(second, path, "start")
    lantai.campaign_sending.tick()
    assert told(lantai) == []
    for page in (first.read(path).text, first.get(f"{path}?part=progress").text):
        assert "现在是免打扰时段" in page
        assert "08:00" in page


def test_a_cancelled_one_offers_nothing_more(first: Desk, lantai: Lantai, clock: FakeClock) -> None:
    cohort(lantai, 2, year=YEAR)
    path = drafted(first, clock)
    assert act(first, path, "cancel").status_code == 303
    page = first.get(path).text
    assert "已取消" in page
    assert '<form method="post" action="/console/campaigns' not in page


def test_the_list_is_narrowed_and_paged(first: Desk, lantai: Lantai, clock: FakeClock) -> None:
    for _ in range(21):
        lantai.campaigns.create(first.login.actor, wish(lantai, Segment(YEAR)))
    assert "第 1 / 2 页" in first.read("/campaigns").text
    assert len(re.findall("data-row", first.get("/campaigns?page=2&state=draft").text)) == 1
    assert "没有这样的群发通知" in first.read("/campaigns?state=done").text
    assert len(re.findall("data-row", first.get("/campaigns?state=odd&notice=odd").text)) == 20


def test_a_colleges_staff_see_and_write_to_their_own(
    first: Desk, second: Desk, lantai: Lantai, clock: FakeClock
) -> None:
    cohort(lantai, 2, year=YEAR)
    cohort(lantai, 1, college="工学院", year=YEAR)
    whole = drafted(second, clock)
    with lantai.db.transaction() as session:
        session.add(
            CollegeDuty(college="工学院", staff_id=first.login.id, set_by=first.login.id, created_at=clock.now())
        )
    assert first.get(whole).status_code == 404
    assert first.get(f"{whole}/recipients.csv").status_code == 404
    form = first.get("/campaigns/new").text
    assert "工学院" in form
    assert "理学院" not in form
    refused = first.post("/campaigns", filled(clock, colleges=["理学院"]))
    assert refused.status_code == 422
    assert "只能向您负责的学院发送" in refused.text
    assert "2026 届，工学院" in first.read(drafted(first, clock)).text
