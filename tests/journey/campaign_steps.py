"""Chapter 壬, campaigns: made ready by one and started by another, paused and gone on with; pushes, and none left."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.journey.cast import YEAR, write_class
from tests.journey.clients import Graduate, Json, until
from tests.journey.console import Clerk
from tests.journey.doors_steps import WHOLE, table_of, write_table
from tests.journey.scene import Scene
from tests.journey.story import check, step

SIZE = 24
TOLD_LIMIT_S = 60.0
PER_PERSON_S = 0.5  # twice what the stack's pace allows
STILL_S = 2.0
APART_S = 1.1
REGISTER = "毕业去向登记提醒"
_DONE = re.compile(r"已处理\s*(\d+)\s*/\s*(\d+)\s*人")


def made_ready(clerk: Clerk, notice: str, cohort: int, **segment: str) -> str:
    """The path of a campaign that this clerk wrote and made ready."""
    until_day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    clerk.open("/console/campaigns/new")
    clerk.window.submit("/console/campaigns", notice=notice, until=until_day, cohort=str(cohort), **segment)
    path = clerk.window.path
    check("草稿已保存" in clerk.window.text, f"draft: {clerk.window.text[:300]}")
    clerk.window.submit("/propose")
    check("已提交" in clerk.window.text, f"propose: {clerk.window.text[:300]}")
    return path


def started(clerk: Clerk, path: str) -> None:
    """A factor that was fresh when it was asked for may be so no more when it is used: then another one is shown."""
    for _ in range(2):
        clerk.show_factor()
        clerk.open(path)
        clerk.window.submit("/start")
        if "须再次验证身份" not in clerk.window.text:
            break
    check("已开始发送" in clerk.window.text, f"start: {clerk.window.text[:300]}")


def progress(clerk: Clerk, path: str) -> tuple[int, int]:
    """(dealt with, in all), as the page shows."""
    clerk.open(path)
    found = _DONE.search(clerk.window.text)
    check(found, f"no progress on the page: {clerk.window.text[:300]}")
    assert found is not None
    return int(found[1]), int(found[2])


def wait_for_all(clerk: Clerk, path: str) -> int:
    """How many there were, once everybody was dealt with."""

    def ended() -> bool:
        done, total = progress(clerk, path)
        return done == total

    limit_s = TOLD_LIMIT_S + progress(clerk, path)[1] * PER_PERSON_S
    until(ended, "everybody of the campaign", limit_s)
    return progress(clerk, path)[1]


def own_class(scene: Scene) -> int:
    """A year of graduation that only this scene's class has; the class is filed."""
    year = 1980 + scene.number % 40
    folder = scene.house.folder / f"told-{scene.number}"
    portrait = scene.house.portraits.registrar
    for person in write_class(folder, serial=8000 + scene.number, size=SIZE, faced=0, portrait=portrait):
        for kind, text in (("name", person.name), ("id number", person.id_number), ("phone", person.phone)):
            scene.keep(kind, text)
        scene.keep("student number", person.student_number)
    rows = [row | {"毕业年份": str(year)} for row in table_of(folder / "graduates.csv")]
    write_table(folder / "graduates.csv", rows)
    ran = scene.stack.cli("import", str(folder))
    check(f"导入 {SIZE} 行" in ran.output, f"import: {ran.output.strip()[-300:]}")
    return year


@step(
    "campaign.paused",
    WHOLE,
    "群发通知：一人提交，另一人启动；暂停、继续、完成",
    "a campaign made ready by one and started by another, paused, resumed, done",
    "staff.first",
)
def paused(scene: Scene) -> Iterator[str]:
    year = own_class(scene)
    first, second = scene.clerk("archivist"), scene.clerk("reviewer")
    path = made_ready(first, "check_dossier", year)
    first.show_factor()
    first.open(path)
    first.window.submit("/start")
    check("须由提交者以外的另一名工作人员启动" in first.window.text, f"alone: {first.window.text[:300]}")
    started(second, path)
    second.window.submit("/pause")
    check("已暂停" in second.window.text, f"pause: {second.window.text[:300]}")
    held, total = progress(first, path)
    check(total == SIZE and held < SIZE, f"paused at {held} of {total}")
    listed = scene.stack.cli("campaign", "list", "--state", "paused")
    check(listed.code == 0 and path.rpartition("/")[2] in listed.output, f"campaign list: {listed.output[-300:]}")
    time.sleep(STILL_S)
    check(progress(first, path)[0] == held, "it went on while it was paused")
    first.window.submit("/resume")
    wait_for_all(second, path)
    text = second.window.text
    check("已完成" in text, f"after the last: {text[:300]}")
    status, kind, data = second.window.fetch(f"{path}/recipients.csv")
    lines = data.decode("utf-8-sig").strip().splitlines()
    check((status, kind.partition(";")[0]) == (200, "text/csv"), f"CSV: {status} {kind}")
    check(sum("仅站内信" in line for line in lines) == SIZE, f"CSV: {len(lines)} lines")
    yield f"{first.name} 提交后自己不能启动；{second.name} 启动，在 {held} / {total} 处暂停，两秒内没有再发"
    yield f"继续后全部 {total} 人完成；逐人结果可下载"


@contextmanager
def signed_in(graduate: Graduate, platform: str) -> Iterator[None]:
    """Bound accounts read their inbox without another factor; the session of the story goes on afterwards."""
    before = graduate.app.token
    check(graduate.app.login(platform, graduate.handset.do("login-code")["code"]), "a bound account came in unbound")
    try:
        yield
    finally:
        graduate.app.token = before


def subscription(graduate: Graduate) -> Json:
    listed: list[Json] = graduate.app.get("/subscriptions")["items"]
    return next(r for r in listed if r["template"] == "transfer_step")


def one_credit(graduate: Graduate) -> None:
    """On the phone: all messages off, then one allowed. WeChat's times are whole seconds: the same act twice within one
    would be taken for the same event.
    """
    for act in ("unsubscribe", "subscribe"):
        time.sleep(APART_S)
        graduate.handset.do(act, template_ids=[subscription(graduate)["template_id"]])


def left(graduate: Graduate) -> int:
    return int(subscription(graduate)["credits"])


def in_inbox(graduate: Graduate, title: str) -> list[Json]:
    return [n for n in graduate.app.get("/notices")["items"] if n["title"] == title]


def on_phone(graduate: Graduate, phrase: str) -> list[Json]:
    return [m for m in graduate.handset.messages() if phrase in str(m.get("fields", ""))]


@step(
    "campaign.pushed",
    WHOLE,
    "群发通知到达微信、支付宝和站内信，各一次",
    "the campaign's notice on a WeChat and an Alipay phone and in both inboxes, once each",
    "wx.subscribe",
    "ali.bind",
    "staff.first",
)
def pushed(scene: Scene) -> Iterator[str]:
    wei, lin = scene.graduate("wei"), scene.graduate("lin")
    first, second = scene.clerk("archivist"), scene.clerk("reviewer")
    with signed_in(wei, "wechat"), signed_in(lin, "alipay"):
        for graduate in (wei, lin):
            one_credit(graduate)
        until(lambda: left(wei) == 1, "one credit in the ledger")
        path = made_ready(first, "register_destination", YEAR, account="bound")
        started(second, path)
        total = wait_for_all(second, path)
        for graduate, platform in ((wei, "微信"), (lin, "支付宝")):
            until(lambda g=graduate: bool(on_phone(g, "待登记")), f"the push by {platform}")  # type: ignore[misc]
            (message,) = on_phone(graduate, "待登记")
            check(len(in_inbox(graduate, REGISTER)) == 1, f"inbox: {len(in_inbox(graduate, REGISTER))} lines")
            shown = str(message)
            check(
                graduate.person.name not in shown and graduate.person.id_number not in shown, "personal data in a push"
            )
            yield f"{platform}：{message['title']} {message['fields']}"
        until(lambda: left(wei) == 0, "the credit spent in the ledger")
    yield f"{total} 人的站内信各有一条；微信订阅次数 1 → 0"


@step(
    "campaign.credits",
    WHOLE,
    "订阅次数用完：只进站内信，页面写明原因",
    "with its credits used up WeChat refuses (43101): the inbox has the notice, the console says why",
    "campaign.pushed",
)
def used_up(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    first, second = scene.clerk("archivist"), scene.clerk("reviewer")
    with signed_in(wei, "wechat"):
        shown, before = len(on_phone(wei, "待登记")), len(in_inbox(wei, REGISTER))
        path = made_ready(first, "register_destination", YEAR, account="bound")
        started(second, path)
        wait_for_all(second, path)
        until(lambda: len(in_inbox(wei, REGISTER)) == before + 1, "the line in the inbox")

        def told_why() -> bool:
            second.open(f"{path}?result=inbox")
            return "毕业生未订阅或订阅次数已用完" in second.window.text

        until(told_why, "why nothing was pushed, in the console", TOLD_LIMIT_S)
        check(len(on_phone(wei, "待登记")) == shown, "the phone received what was not subscribed to")
        check(left(wei) == 0, f"the ledger has {left(wei)} credits")
        yield f"手机没有收到，站内信有：{in_inbox(wei, REGISTER)[0]['title']}；工作台写明“毕业生未订阅或订阅次数已用完”"
