"""Chapters G to I: other people's things, ended sessions, the access log, the way without face, and the canary."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from tests.journey import canary
from tests.journey.clients import Graduate, Reply
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import show_fingerprint

GUARD = "庚　边界与查阅记录 borders and the access log"
FACELESS = "辛　关闭人脸后同样可办 the same with face switched off"
CANARY = "癸　金丝雀 canary"
FOREIGN = (
    ("档案", "GET", "/dossiers/{}", "dossier"),
    ("记录", "GET", "/dossier/records/{}", "record"),
    ("申请", "GET", "/corrections/{}", "ticket"),
    ("证明", "GET", "/evidence/{}", "evidence"),
    ("撤回申请", "POST", "/corrections/{}/withdrawal", "ticket"),
)


def words_of(reply: Reply) -> tuple[int, str, dict[str, object], list[str]]:
    """An answer without what names the request itself."""
    body = {k: v for k, v in (reply.body or {}).items() if k not in ("request_id", "instance")}
    varying = {"x-request-id", "date"}
    return reply.status, reply.code, body, sorted(n for n in reply.headers if n not in varying)


@step("guard.foreign", GUARD, "他人的编号与不存在的编号，答复相同", "foreign ids answered exactly like absent ones",
      "wx.correct", "ali.correct")  # fmt: skip
def foreign(scene: Scene) -> Iterator[str]:
    wei, lin = scene.graduate("wei"), scene.graduate("lin")
    show_fingerprint(scene, wei, "view_dossier")  # the first one is good for five minutes, the story takes longer
    for words, method, path, kind in FOREIGN:
        headers = {"If-Match": '"1"'} if method == "POST" else {}
        theirs = wei.app.call(method, path.format(lin.ids[kind]), headers=headers)
        absent = wei.app.call(method, path.format(uuid.uuid4()), headers=headers)
        check(theirs.status == 404, f"{words}: {theirs.status} {theirs.code}")
        check(words_of(theirs) == words_of(absent), f"{words}: {words_of(theirs)} is not {words_of(absent)}")
        yield f"{words} {path.format('<他人>')} → 404 {theirs.code}，与不存在的编号逐字段相同"


@step("guard.tokens", GUARD, "旧令牌失效；在所有设备退出", "old token refused; log out everywhere", "wx.face")
def tokens(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    old = wei.app.call("GET", "/me", token=scene.seen["old token"])
    check((old.status, old.code) == (401, "session_required"), f"the token before the step-up: {old.status}")
    made_up = wei.app.call("GET", "/me", token="A" * 43)
    check(words_of(old) == words_of(made_up), "a dead token is told from one that never was")
    second = Graduate(wei.person, scene.house.program(scene.stack.web), wei.phone)
    check(second.app.login("wechat", wei.handset.do("login-code")["code"]), "a bound account came in unbound")
    check(second.app.get("/me")["assurance"] == 0, "a new session of a bound account is trusted without a factor")
    ended = wei.app.ask("DELETE", "/sessions", 200)["ended"]
    check(ended >= 2, f"{ended} sessions ended")
    for session in (wei.app, second.app):
        gone = session.call("GET", "/me")
        check(gone.status == 401, f"after logging out everywhere: {gone.status}")
    yield f"升级前的令牌 → 401；退出全部 {ended} 个登录，两台设备下一次请求即 401"


@step("guard.log", GUARD, "本人看到谁查阅过", "the access log shows the staff's openings", "ali.rejected")
def access_log(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    entries: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = lin.app.get(f"/dossier/access-log?limit=50{cursor}")
        entries += page["items"]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    by_staff = [e["type"] for e in entries if e["by"] == "staff"]
    for wanted in ("graduate.searched", "ticket.read"):
        check(wanted in by_staff, f"{wanted} by staff is not in the log: {sorted(set(by_staff))}")
    counts = {kind: by_staff.count(kind) for kind in sorted(set(by_staff))}
    yield f"共 {len(entries)} 条，其中工作人员：" + "、".join(f"{k}×{n}" for k, n in counts.items())


@step("faceless.bind", FACELESS, "微信毕业生：激活码 + 手机号", "activation code and phone, face is not offered")
def faceless_bind(scene: Scene) -> Iterator[str]:
    min_ = scene.graduate("min")
    min_.phone = scene.house.sandbox.phone("wechat", min_.person)
    min_.app.login("wechat", min_.phone.do("login-code")["code"])
    check(min_.app.claim(min_.person).status == 202, "claim")
    factors = min_.app.get("/factors")
    check(not any(f["face"] for f in factors["factors"]), f"face is offered: {factors['factors']}")
    check(factors["face_health"] == "off", f"face health: {factors['face_health']}")
    min_.app.ask("PUT", "/consents/face", 200, json={"granted": True})
    refused = min_.app.call("POST", "/verifications", json={"factor": "wechat_face", "purpose": "bind"})
    check((refused.status, refused.code) == (403, "factor_not_offered"), f"face: {refused.status} {refused.code}")
    code = scene.keep("activation code", scene.clerk("archivist").issue_code(min_.person.student_number))
    done = min_.app.prove(min_.app.begin("activation_code", "bind"), code=code)
    check(done["state"] == "passed", f"activation code: {done['state']} {done['reason']}")
    again = min_.app.prove(min_.app.begin("phone", "view_dossier"), proof=min_.phone.phone_proof())
    check(again["state"] == "passed", f"phone: {again['state']} {again['reason']}")
    level = min_.app.get("/me")["assurance"]
    yield f"人脸 → 403 factor_not_offered，可选 {'、'.join(refused.body['factors'])}；等级 {level}"


@step("faceless.read", FACELESS, "查阅与更正一样可办", "reads zone A and opens a correction", "faceless.bind")
def faceless_read(scene: Scene) -> Iterator[str]:
    min_ = scene.graduate("min")
    record = min_.app.get("/dossier/sections/identity")["records"][0]
    check(record["body"]["name"] == min_.person.name, "the identity shown is not this person's")
    wish = {"kind": "other", "statement": "请核对姓名用字"}
    ticket = min_.app.ask("POST", "/corrections", 201, json=wish)
    check(ticket["state"] == "submitted", f"ticket: {ticket['state']}")
    yield f"基本信息可见；{ticket['number']} 已提交"


@step("canary", CANARY, "标记过的个人信息、令牌与画面无一处明文", "no mark in logs, data, tmp, jobs, events",
      "op.start")  # fmt: skip
def sing(scene: Scene) -> Iterator[str]:
    yield from canary.search(scene)
