"""Chapters E and F: staff decide in the console, messages arrive on phones, a dossier is sent on its way."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journey.cast import FILE_MARK, GRADE_MARK, marked_jpeg
from tests.journey.clients import Graduate, Json, until
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import NEW_GRADE, STATEMENT, ask_for, show_fingerprint, upload

DESK = "戊　工作人员办理 staff at the console"
NEWS = "己　消息与转递 notices and transfer"
APPLIED = "已同意更正，档案已生成新版本"


def ticket_path(graduate: Graduate) -> str:
    return f"/console/tickets/{graduate.ids['ticket']}"


@step(
    "desk.ticket", DESK, "找到申请，对照记录与证明", "queue, record beside the proposal, evidence opened", "wx.status"
)
def ticket(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    show_fingerprint(scene, wei, "view_dossier")  # back after a while: five minutes may have gone by
    number = wei.app.get(f"/corrections/{wei.ids['ticket']}")["number"]
    clerk.open("/console/tickets")
    check(number in clerk.window.text, "the ticket is not in the queue")
    clerk.open(ticket_path(wei))
    text = clerk.window.text
    before = wei.app.get(f"/dossier/records/{wei.ids['record']}")["body"]["grade"]
    for words, what in ((before, "present value"), (NEW_GRADE, "proposed value"), (STATEMENT, "statement")):
        check(words in text, f"the {what} is not on the page")
    files = clerk.window.links("/evidence/")
    check(len({f.partition("?")[0] for f in files}) == 2, f"evidence links: {len(files)}")
    kinds = []
    for link in sorted({f.partition("?")[0] for f in files}):
        status, kind, data = clerk.window.fetch(link)
        check(status == 200 and len(data) > 100, f"evidence: {status}, {len(data)} bytes")
        check(kind != "image/jpeg" or FILE_MARK not in data, "a picture was kept as it came, comment and all")
        kinds.append(kind)
    yield f"{number}：现有 {before.removesuffix(GRADE_MARK)}… ｜ 申请 {NEW_GRADE}；证明 {'、'.join(sorted(kinds))}"


@step("desk.accept", DESK, "同意更正：新旧两版都在", "accept; before/after versions from the API", "desk.ticket")
def accept(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    clerk.open(ticket_path(wei))
    clerk.window.submit("/accept", note="已核对原件")
    check(APPLIED in clerk.window.text, f"accept: {clerk.window.text[:200]}")
    record = wei.app.get(f"/dossier/records/{wei.ids['record']}")
    grades = [v["body"]["grade"] for v in record["versions"]]
    check(record["version"] == 2 and grades[1] == NEW_GRADE and grades[0] != NEW_GRADE, f"versions: {grades}")
    check(record["body"]["grade"] == NEW_GRADE, f"the record shows {record['body']['grade']}")
    check(record["versions"][1]["source_id"] == wei.ids["ticket"], "the new version names another source")
    for version in record["versions"]:
        shown = version["body"]["grade"].replace(GRADE_MARK, "◆")
        yield f"第 {version['number']} 版 {version['source']}：成绩 {shown}，改动字段 {version['changed'] or '—'}"


def _statutory(scene: Scene) -> Json:
    """The WeChat graduate asks for another ethnicity, with the police's paper."""
    wei = scene.graduate("wei")
    record = wei.app.get("/dossier/sections/identity")["records"][0]
    proof = upload(wei, "police.jpg", marked_jpeg("POLICE", FILE_MARK), "image/jpeg")
    after = "满族" if record["body"].get("ethnicity") != "满族" else "回族"
    wei.ids["identity"] = record["id"]
    return ask_for(wei, "statutory_identity", record, {"ethnicity": after}, [proof])


@step("desk.statutory", DESK, "法定信息须两人核准", "a statutory field needs two persons", "desk.accept")
def statutory(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    asked = _statutory(scene)
    path = f"/console/tickets/{asked['id']}"
    first, second = scene.clerk("archivist"), scene.clerk("reviewer")
    first.show_factor()
    first.open(path)
    first.window.submit("/accept", note="")
    check("另一位工作人员复核" in first.window.text, f"first: {first.window.text[:200]}")
    waiting = wei.app.get(f"/corrections/{asked['id']}")
    check(waiting["state"] == "awaiting_second", f"after one person: {waiting['state']}")
    first.open(path)
    check(not first.window.has_form("/accept"), "the same person may agree twice")
    second.show_factor()
    second.open(path)
    second.window.submit("/accept", note="")
    check(APPLIED in second.window.text, f"second: {second.window.text[:200]}")
    record = wei.app.get(f"/dossier/records/{wei.ids['identity']}")
    values = [v["body"].get("ethnicity", "") for v in record["versions"]]
    check(record["version"] == 2, f"versions: {record['version']}")
    yield f"{first.name} 同意 → 待复核；{second.name} 复核 → 第 2 版：民族 {values[0]} → {values[1]}"


def received(graduate: Graduate, phrase: str) -> list[Json]:
    return [m for m in graduate.handset.messages() if phrase in str(m["fields"])]


@step("news.decided", NEWS, "手机收到处理结果，收件箱也有", "pushed messages as received; the inbox has them too",
      "desk.accept")  # fmt: skip
def decided(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    until(lambda: bool(received(wei, "已更正")), "the message on the WeChat phone")
    inbox = wei.app.get("/notices")
    check("更正申请：已更正" in [n["title"] for n in inbox["items"]], f"inbox: {[n['title'] for n in inbox['items']]}")
    got = received(wei, "已更正")[-1]
    check(wei.person.name not in str(got) and GRADE_MARK not in str(got), "personal data in a pushed message")
    yield f"微信：{got['title']} {got['fields']}"
    yield f"收件箱：{inbox['items'][0]['title']}（未读 {inbox['unread']}）"


@step(
    "news.rejected", NEWS, "支付宝收到模板消息", "the Alipay phone received: more wanted, then refused", "ali.rejected"
)
def rejected(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    until(lambda: bool(received(lin, "未予更正")), "the message on the Alipay phone")
    titles = [n["title"] for n in lin.app.get("/notices")["items"]]
    check({"更正申请：待补充", "更正申请：未予更正"} <= set(titles), f"inbox: {titles}")
    for message in lin.handset.messages():
        if message["kind"] == "template":
            yield f"支付宝：{message['title']} {message['fields']}"
