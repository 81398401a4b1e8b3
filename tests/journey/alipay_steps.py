"""Chapter C: an Alipay graduate without face: activation code from the counter, then the platform's phone number."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journey.cast import FILE_MARK, GRADE_MARK, marked_jpeg
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import ask_for, upload

CHAPTER = "丙　支付宝毕业生，不用人脸 Alipay graduate without face"
QUESTION = f"请补充获奖证书原件照片{GRADE_MARK}"
ANSWER = f"已补充，见附件{GRADE_MARK}"
EXPLANATION = f"经核对获奖名册，现有记录无误{GRADE_MARK}"


@step("ali.login", CHAPTER, "支付宝登录并申报身份", "my.getAuthCode → session → claim")
def login(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    lin.phone = scene.house.sandbox.phone("alipay", lin.person)
    bound = lin.app.login("alipay", lin.phone.do("login-code")["code"])
    check(not bound, "a new account is bound")
    check(lin.app.claim(lin.person).status == 202, "claim")
    factors = [f["factor"] for f in lin.app.get("/factors")["factors"]]
    check("activation_code" in factors, f"no way without face: {factors}")
    yield f"可用核验方式 {'、'.join(factors)}；本人不选人脸"


@step("ali.code", CHAPTER, "柜台核对证件，发放激活码", "an archivist issues a code in the console", "ali.login")
def code(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    given = scene.clerk("archivist").issue_code(lin.person.student_number)
    scene.keep("activation code", given)
    scene.keep("activation code", given.replace("-", ""))
    scene.seen["code"] = given
    yield "学号检索 → 核对身份证原件 → 激活码只显示这一次"


@step("ali.bind", CHAPTER, "激活码绑定，手机号升级", "code (L2) + platform phone number (L3)", "ali.code")
def bind(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    done = lin.app.prove(lin.app.begin("activation_code", "bind"), code=scene.seen["code"])
    check(done["state"] == "passed", f"activation code: {done['state']} {done['reason']}")
    again = lin.app.prove(lin.app.begin("phone", "view_dossier"), proof=lin.handset.phone_proof())
    check(again["state"] == "passed", f"phone: {again['state']} {again['reason']}")
    me = lin.app.get("/me")
    check(me["bound"] and me["assurance"] == 3, f"after code and phone: {me}")
    yield f"等级 3：{me['card']['name']}，全程没有人脸"


@step("ali.correct", CHAPTER, "订阅消息并提出更正", "subscribe; a correction with evidence", "ali.bind")
def correct(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    row = next(r for r in lin.app.get("/subscriptions")["items"] if r["template"] == "ticket_decided")
    for _ in range(2):
        lin.handset.do("subscribe", template_ids=[row["template_id"]])
        lin.app.ask("PUT", "/subscriptions/ticket_decided", 200, json={"accepted": True})
    record = lin.app.get("/dossier/sections/course")["records"][0]
    proof = upload(lin, "award.jpg", marked_jpeg("AWARD", FILE_MARK), "image/jpeg")
    ticket = ask_for(lin, "transcription", record, {"grade": "100"}, [proof])
    lin.ids |= {"dossier": lin.app.get("/dossier")["dossier_id"], "record": record["id"], "ticket": ticket["id"]}
    lin.ids["evidence"] = proof
    yield f"{ticket['number']} 已提交"


@step("ali.asked", CHAPTER, "工作人员请其补充", "console: ask; the graduate sees the question", "ali.correct")
def asked(scene: Scene) -> Iterator[str]:
    lin, clerk = scene.graduate("lin"), scene.clerk("archivist")
    path = f"/console/tickets/{lin.ids['ticket']}"
    clerk.open(path)
    clerk.window.submit("/take")
    check("已受理" in clerk.window.text, f"take: {clerk.window.text[:200]}")
    clerk.window.submit("/ask", text=QUESTION)
    check("已请申请人补充" in clerk.window.text, f"ask: {clerk.window.text[:200]}")
    ticket = lin.app.get(f"/corrections/{lin.ids['ticket']}")
    check(ticket["state"] == "needs_info", f"after asking: {ticket['state']}")
    check([m["text"] for m in ticket["messages"]] == [QUESTION], f"messages: {len(ticket['messages'])}")
    yield f"{ticket['state_label']}：{QUESTION.removesuffix(GRADE_MARK)}"


@step("ali.answer", CHAPTER, "毕业生补充说明", "the graduate answers with If-Match", "ali.asked")
def answer(scene: Scene) -> Iterator[str]:
    lin = scene.graduate("lin")
    path = f"/corrections/{lin.ids['ticket']}"
    etag = lin.app.call("GET", path).headers["etag"]
    stale = lin.app.call("POST", f"{path}/messages", json={"text": ANSWER}, headers={"If-Match": '"1"'})
    check(stale.status == 412, f"a stale version was taken: {stale.status}")
    after = lin.app.ask("POST", f"{path}/messages", 200, json={"text": ANSWER}, headers={"If-Match": etag})
    check(after["state"] == "in_review" and after["messages"][-1]["text"] == ANSWER, f"answered: {after['state']}")
    yield f"旧版本 → 412；现版本 {etag} → {after['state_label']}"


@step("ali.rejected", CHAPTER, "不予更正：理由与救济途径", "console: reject; reason and appeal words", "ali.answer")
def rejected(scene: Scene) -> Iterator[str]:
    lin, clerk = scene.graduate("lin"), scene.clerk("reviewer")
    clerk.open(f"/console/tickets/{lin.ids['ticket']}")
    check(ANSWER in clerk.window.text, "the answer does not stand in the console")
    clerk.window.submit("/reject", reason="record_is_right", explanation=EXPLANATION)
    check("不予更正的决定" in clerk.window.text, f"reject: {clerk.window.text[:200]}")
    ticket = lin.app.get(f"/corrections/{lin.ids['ticket']}")
    check(ticket["state"] == "rejected", f"after the decision: {ticket['state']}")
    check("现有记录无误" in (ticket["reason"] or ""), f"reason: {ticket['reason']}")
    check("复核" in (ticket["appeal"] or "") and "诉" in ticket["appeal"], f"appeal: {ticket['appeal']}")
    check(ticket["messages"][-1]["text"] == EXPLANATION, "the explanation is not what was written")
    yield f"理由：{ticket['reason']}"
    yield f"救济：{ticket['appeal']}"
