"""Chapter E goes on: a ticket of each further kind to its end, a clock that runs out, an appeal, the whole timeline.

Transcription errors and statutory fields are decided in desk_steps; here what must be collected, what another unit must
answer for, and what changes no record.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.journey.alipay_steps import ANSWER, EXPLANATION, QUESTION
from tests.journey.cast import FILE_MARK, GRADE_MARK, marked_jpeg
from tests.journey.clients import Graduate, Json
from tests.journey.console import Clerk
from tests.journey.desk_steps import APPLIED, DESK
from tests.journey.operator_steps import hire
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import ask_for, show_fingerprint, upload

TITLE = f"省级优秀毕业生证书{GRADE_MARK}"
TO_UNIT = f"已函请教务处核对成绩登记表{GRADE_MARK}"
RESOLVED = "已同意并办结"
INTERNAL = f"内部：与原件核过{GRADE_MARK}"
GROUNDS = f"登记表上确为满分，请另行复核{GRADE_MARK}"
DAYS_AHEAD = 60
UNIT_GRADE = "88"


def _opened(graduate: Graduate, **wish: Any) -> Json:
    body: Json = graduate.app.ask("POST", "/corrections", 201, json=wish)
    return body


def _seen(graduate: Graduate, ticket: Json) -> Json:
    body: Json = graduate.app.get(f"/corrections/{ticket['id']}")
    return body


def _at(clerk: Clerk, ticket: Json) -> None:
    clerk.open(f"/console/tickets/{ticket['id']}")


def _scan(scene: Scene, name: str) -> Path:
    path = scene.house.folder / f"{name}-{scene.number}.jpg"
    path.write_bytes(marked_jpeg(name.upper(), FILE_MARK))
    return path


@step(
    "case.missing",
    DESK,
    "材料缺失：收集、扫描、归档",
    "missing material: collected, filed, in the catalogue",
    "wx.read",
)
def missing(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    asked = _opened(wei, kind="missing_material", statement="证书未归档", missing={"class_code": "7", "title": TITLE})
    _at(clerk, asked)
    clerk.window.submit("/accept", note="")
    check(RESOLVED not in clerk.window.text, "agreed to a material that nobody has")
    check(_seen(wei, asked)["state"] == "submitted", "an agreement without the material moved the ticket")
    _at(clerk, asked)
    clerk.window.upload("/collect", "file", _scan(scene, "missing"), class_code="7", title=TITLE)
    check("材料已登记" in clerk.window.text, f"collected: {clerk.window.text[:200]}")
    clerk.window.submit("/accept", note="")
    check(RESOLVED in clerk.window.text, f"filed: {clerk.window.text[:200]}")
    done = _seen(wei, asked)
    check(done["state"] == "resolved", f"after the decision: {done['state']}")
    show_fingerprint(scene, wei, "view_dossier")
    found = [i for i in wei.app.get("/dossier")["items"] if i["title"] == TITLE]
    check(len(found) == 1, "the material is not in the catalogue")
    yield f"没有扫描件时不能同意；登记扫描件后同意 → {done['state_label']}，目录多出此件"


@step("case.unit", DESK, "形成单位错误：转单位、收答复、更正", "forming unit: sent out, answered, corrected", "wx.read")
def unit(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    show_fingerprint(scene, wei, "view_dossier")
    record = next(r for r in wei.app.get("/dossier/sections/course")["records"] if r["id"] != wei.ids["record"])
    proof = upload(wei, "unit.jpg", marked_jpeg("UNIT", FILE_MARK), "image/jpeg")
    asked = ask_for(wei, "forming_unit", record, {"grade": UNIT_GRADE}, [proof])
    _at(clerk, asked)
    clerk.window.submit("/send-out", unit=TO_UNIT)
    check("已转形成单位" in clerk.window.text, f"sent out: {clerk.window.text[:200]}")
    waiting = _seen(wei, asked)
    check(waiting["state"] == "with_unit", f"sent out: {waiting['state']}")
    check(TO_UNIT in [m["text"] for m in waiting["messages"]], "the graduate does not read whom was written to")
    check(not clerk.window.has_form("/accept"), "what the unit has not answered may be agreed to")
    clerk.window.upload("/unit-answered", "file", _scan(scene, "reply"))
    clerk.window.submit("/accept", note="")
    check(APPLIED in clerk.window.text, f"corrected: {clerk.window.text[:200]}")
    after = wei.app.get(f"/dossier/records/{record['id']}")
    check((after["version"], after["body"]["grade"]) == (2, UNIT_GRADE), f"the record: version {after['version']}")
    yield f"{waiting['state_label']} → 收到答复 → {_seen(wei, asked)['state_label']}，第 {after['version']} 版"


@step("case.other", DESK, "其他：核实后办结", "other: answered and closed, no record changed", "wx.face")
def other(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    asked = _opened(wei, kind="other", statement=f"请核对归档日期{GRADE_MARK}")
    _at(clerk, asked)
    clerk.window.submit("/take")
    clerk.window.submit("/accept", note="已核对")
    check(RESOLVED in clerk.window.text, f"closed: {clerk.window.text[:200]}")
    done = _seen(wei, asked)
    check((done["state"], done["applied_version"]) == ("resolved", None), f"after the decision: {done['state']}")
    check(done["messages"][-1]["text"] == "已核对", "the words of the decision are not there")
    yield f"{done['number']} {done['state_label']}：{done['timeline'][-1]['words']}"


@step(
    "case.clock", DESK, "拨快时钟：超期上报", "a clock moved ahead: reminded, escalated, both sides see it", "wx.face"
)
def clock(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("reviewer")
    asked = _opened(wei, kind="other", statement=f"请核对姓名用字{GRADE_MARK}")
    check("ticket.escalated" not in [s["type"] for s in _seen(wei, asked)["timeline"]], "escalated before its time")
    early = scene.stack.cli("clocks", "watch")
    check(early.code == 0, f"clocks watch: {early.output.strip()[-300:]}")
    check("ticket.escalated" not in [s["type"] for s in _seen(wei, asked)["timeline"]], "escalated on its first day")
    ahead = (datetime.now(UTC) + timedelta(days=DAYS_AHEAD)).date().isoformat()
    ran = scene.stack.cli("clocks", "watch", "--on", ahead)
    check(ran.code == 0, f"clocks watch, {DAYS_AHEAD} days ahead: {ran.output.strip()[-300:]}")
    steps = [s for s in _seen(wei, asked)["timeline"] if s["type"] == "ticket.escalated"]
    check(steps and "超期" in steps[0]["words"], "the graduate is not told that the office is late")
    _at(clerk, asked)
    check("已超期" in clerk.window.text, "the ticket's page does not say so")
    clerk.open("/console/")
    check("超期上报" in clerk.window.text, f"the first page does not say so: {clerk.window.text[:300]}")
    checked = scene.stack.cli("clocks", "check")
    check(asked["number"] not in checked.output, f"clocks check: {checked.output.strip()[-300:]}")
    _at(clerk, asked)
    clerk.window.submit("/accept", note="")
    check(RESOLVED in clerk.window.text, f"closed: {clerk.window.text[:200]}")
    yield f"当天巡检无事；拨快 {DAYS_AHEAD} 天：{ran.output.strip().splitlines()[-1]}"
    yield f"毕业生看到：{steps[0]['words']}"


def _third(scene: Scene) -> Clerk:
    """Somebody who has had nothing to do with the ticket."""
    clerk = hire(scene, "reviewer", "顾南星", f"appeal{scene.number}")
    clerk.sign_in()
    clerk.change_password(scene.keep("staff secret", secrets.token_urlsafe(15)))
    return clerk


@step("case.appeal", DESK, "申请复核：原经办人不能再决定", "one appeal, decided by somebody else", "ali.rejected")
def appeal(scene: Scene) -> Iterator[str]:
    lin, before = scene.graduate("lin"), scene.clerk("reviewer")
    path = f"/corrections/{lin.ids['ticket']}"
    etag = lin.app.call("GET", path).headers["etag"]
    asked = lin.app.ask("POST", f"{path}/appeal", 200, json={"text": GROUNDS}, headers={"If-Match": etag})
    check((asked["state"], asked["appealed"]) == ("submitted", True), f"appealed: {asked['state']}")
    _at(before, asked)
    check(GROUNDS in before.window.text, "the grounds do not stand in the console")
    before.window.submit("/accept", note="")
    check(APPLIED not in before.window.text, "who decided before decides the appeal")
    check(_seen(lin, asked)["state"] == "submitted", "an agreement of the same person moved the appeal")
    third = _third(scene)
    _at(third, asked)
    third.window.submit("/internal-note", internal=INTERNAL)
    check(INTERNAL in third.window.text, f"the note among staff: {third.window.text[:200]}")
    third.window.submit("/accept", note="")
    check(APPLIED in third.window.text, f"decided: {third.window.text[:200]}")
    done = _seen(lin, asked)
    check((done["state"], done["applied_version"]) == ("applied", 2), f"after the appeal: {done['state']}")
    etag = lin.app.call("GET", path).headers["etag"]
    again = lin.app.call("POST", f"{path}/appeal", json={"text": GROUNDS}, headers={"If-Match": etag})
    check((again.status, again.code) == (409, "appeal_made"), f"a second appeal: {again.status} {again.code}")
    yield f"{before.name} 原决定 → 不能复核；{third.name} 复核 → {done['state_label']}；第二次申请复核 → 409"


@step("case.timeline", DESK, "毕业生看到全过程", "the graduate's timeline from request to appeal", "case.appeal")
def timeline(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    ticket = lin.app.get(f"/corrections/{lin.ids['ticket']}")
    steps = ticket["timeline"]
    expected = ["opened", "taken", "asked", "answered", "decided", "appealed", "decided"]
    check([s["type"].removeprefix("ticket.") for s in steps] == expected, f"timeline: {[s['type'] for s in steps]}")
    check(all(s["words"] for s in steps), "a step without words")
    check([s["at"] for s in steps] == sorted(s["at"] for s in steps), "steps out of order")
    check([s["by"] for s in steps].count("graduate") == 3, "who did what is wrong")
    said = [m["text"] for m in ticket["messages"]]
    check(said == [QUESTION, ANSWER, EXPLANATION, GROUNDS], f"{len(said)} messages")
    check(INTERNAL not in str(ticket), "a note among staff reached the graduate")
    names = [c.name for c in scene.house.clerks.values()]
    check(not any(name in str(ticket) for name in names), "a name of staff reached the graduate")
    outcomes = [d["outcome"] for d in ticket["decisions"]]
    check(outcomes == ["rejected", "applied"], f"decisions: {outcomes}")
    yield " → ".join(s["words"] for s in steps)
