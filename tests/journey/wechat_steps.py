"""Chapter B: a WeChat graduate by 人脸核身, up to a correction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.journey.cast import FILE_MARK, GRADE_MARK, Person, marked_jpeg, marked_pdf
from tests.journey.clients import Graduate, Json, Reply, until
from tests.journey.scene import Scene
from tests.journey.story import check, step

CHAPTER = "乙　微信毕业生 WeChat graduate, 人脸核身"
STATEMENT = "录入有误，请核对原件"
NEW_GRADE = "96"


def shape(reply: Reply) -> tuple[Any, ...]:
    """What a claimant can see of an answer, apart from the id and the time."""
    varying = {"x-request-id", "date", "content-length"}
    headers = tuple(sorted(name for name in reply.headers if name not in varying))
    return reply.status, tuple(sorted(reply.body)), reply.body.get("status"), len(reply.content), headers


@step("wx.login", CHAPTER, "微信登录", "phone: wx.login code → POST /sessions (L0)")
def login(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    wei.phone = wei.phone or scene.house.sandbox.phone("wechat", wei.person)
    bound = wei.app.login("wechat", wei.phone.do("login-code")["code"])
    me = wei.app.get("/me")
    check(not bound and me["card"] is None and me["assurance"] == 0, f"a new account shows {me}")
    refused = wei.app.call("GET", "/dossier")
    check((refused.status, refused.code) == (403, "binding_required"), f"unbound: {refused.status} {refused.code}")
    yield "新账号：未绑定，什么也看不到（/dossier → 403 binding_required）"


@step("wx.claim", CHAPTER, "申报身份：对与错的答复完全一样", "claim: hit and miss look the same (202)", "wx.login")
def claim(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    nobody = Person(wei.person.student_number, wei.person.name, scene.graduate("lin").person.id_number, "")
    miss, hit = wei.app.claim(nobody), wei.app.claim(wei.person)
    check(hit.status == 202, f"claim: {hit.status} {hit.code}")
    check(shape(miss) == shape(hit), f"miss {shape(miss)} and hit {shape(hit)} differ")
    me = wei.app.get("/me")
    check(me["card"] is None and not me["bound"], "a claim alone showed something")
    factors = [f["factor"] for f in wei.app.get("/factors")["factors"]]
    check("local_face" not in factors, "local face is offered on WeChat")
    yield f"错的与对的都是 202 pending，字段、长度、响应头相同；可用核验方式 {'、'.join(factors)}"


@step("wx.face", CHAPTER, "同意 → 人脸核身 → 绑定", "consent, 人脸核身 2.0 on the phone, bound (L2)", "wx.claim")
def face(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    early = wei.app.call("POST", "/verifications", json={"factor": "wechat_face", "purpose": "bind"})
    check((early.status, early.code) == (403, "consent_required"), f"without consent: {early.status} {early.code}")
    wei.app.ask("PUT", "/consents/face", 200, json={"granted": True})
    begun = wei.app.begin("wechat_face", "bind")
    pending = wei.app.prove(begun)
    check(pending["state"] == "waiting", f"before the face was shown: {pending['state']}")
    ticket = next(str(v) for k, v in begun["client"].items() if "verify" in k.lower())
    scene.keep("face ticket", ticket)
    old = wei.app.token
    stands = wei.handset.do("face", verify_id=ticket)
    done = wei.app.prove(begun)
    check(done["state"] == "passed", f"人脸核身: {done['state']} {done['reason']}")
    check(wei.app.token != old, "the token did not change at the step-up")
    scene.seen["old token"] = old
    me = wei.app.get("/me")
    check(me["bound"] and me["assurance"] == 2, f"after the face: {me}")
    check(wei.person.name not in str(me) and wei.person.id_number not in str(me), "the card is not masked")
    yield f"无同意 → 403；手机上 {stands['result']}（{stands['verify_ret']}）→ 已绑定，令牌已换：{me['card']['name']}"


@step("wx.lack", CHAPTER, "只有一个因素：甲区拒绝并列出可补因素", "zone A refused, next factors listed", "wx.face")
def lack(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    refused = wei.app.call("GET", "/dossier/sections/course")
    check((refused.status, refused.code) == (403, "step_up_required"), f"section: {refused.status} {refused.code}")
    check({"fingerprint", "phone"} <= set(refused.body["factors"]), f"factors: {refused.body.get('factors')}")
    check("records" not in refused.body, "content in a refusal")
    yield f"403 step_up_required，可选 {'、'.join(refused.body['factors'])}"


@step("wx.fingerprint", CHAPTER, "第二因素：SOTER 指纹", "fingerprint verified at WeChat's server (L3)", "wx.lack")
def fingerprint(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    show_fingerprint(scene, wei, "view_dossier")
    me = wei.app.get("/me")
    check(me["assurance"] == 3, f"after the fingerprint: {me}")
    yield "指纹通过，等级 3，五分钟内可查阅"


def come_back(graduate: Graduate) -> None:
    """Sign in again where an earlier step logged out everywhere: the account stays bound, one factor is shown."""
    if graduate.app.call("GET", "/me").status == 200:
        return
    check(graduate.app.login("wechat", graduate.handset.do("login-code")["code"]), "a bound account came in unbound")
    begun = graduate.app.begin("wechat_face", "view_dossier")
    graduate.handset.do("face", verify_id=next(str(v) for k, v in begun["client"].items() if "verify" in k.lower()))
    done = graduate.app.prove(begun)
    check(done["state"] == "passed", f"人脸核身: {done['state']} {done['reason']}")


def show_fingerprint(scene: Scene, graduate: Graduate, purpose: str) -> None:
    begun = graduate.app.begin("fingerprint", purpose)
    signed = graduate.handset.do("fingerprint", challenge=begun["client"]["challenge"])
    done = graduate.app.prove(begun, json_string=signed["json_string"], json_signature=signed["json_signature"])
    check(done["state"] == "passed", f"fingerprint: {done['state']} {done['reason']}")


@step(
    "wx.read", CHAPTER, "查阅档案：三区目录、栏目、记录", "catalogue A/B/C, reasons, section, record", "wx.fingerprint"
)
def read(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    catalogue = wei.app.get("/dossier")
    zones = {z: [i for i in catalogue["items"] if i["zone"] == z] for z in "ABC"}
    check(all(zones.values()), f"zones with items: {[z for z, items in zones.items() if items]}")
    for item in zones["B"] + zones["C"]:
        check(all(item["hidden"][n] for n in ("ground", "ask", "objection")), f"no reason for hiding: {item}")
    check(GRADE_MARK not in str(zones["C"]), "a sealed title is shown")
    section = wei.app.get("/dossier/sections/course")
    record = wei.app.get(f"/dossier/records/{section['records'][0]['id']}")
    check(record["body"]["grade"].endswith(GRADE_MARK), "the imported grade is not what is shown")
    wei.ids |= {"dossier": catalogue["dossier_id"], "record": record["id"]}
    wei.ids["material"] = next(i["id"] for i in catalogue["items"] if i["kind"] == "material")
    counts = "、".join(f"{z} 区 {len(items)} 项" for z, items in zones.items())
    yield f"{counts}；乙区例：{zones['B'][0]['title']} —— {zones['B'][0]['hidden']['ground']}"
    yield f"课程 {len(section['records'])} 门；{record['body']['course_name']} 第 {record['version']} 版"


@step(
    "wx.subscribe",
    CHAPTER,
    "订阅消息，额度入账",
    "phone accepts; WeChat pushes to us; credits in the ledger",
    "wx.face",
)
def subscribe(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    rows = {r["template"]: r for r in wei.app.get("/subscriptions")["items"]}
    for wanted in (("ticket_decided", "transfer_step"), ("transfer_step",)):  # a list, then a lone entry
        told = wei.handset.do("subscribe", template_ids=[rows[w]["template_id"] for w in wanted])
        check(told["delivery"]["state"] == "delivered", f"the push to us: {told['delivery']}")

    def credited() -> bool:
        now = {r["template"]: r["credits"] for r in wei.app.get("/subscriptions")["items"]}
        return bool(now["ticket_decided"] == 1 and now["transfer_step"] == 2)

    until(credited, "the accepted subscriptions in the ledger")
    yield "工单结果 +1、转递进度 +2：由微信推送记入，应用未自报"


def upload(graduate: Graduate, name: str, data: bytes, media_type: str) -> str:
    body = graduate.app.ask("POST", "/evidence", 201, files={"file": (name, data, media_type)})
    return str(body["id"])


def ask_for(graduate: Graduate, kind: str, record: Json, changes: dict[str, str], evidence: list[str]) -> Json:
    wish = {
        "kind": kind,
        "statement": f"{STATEMENT}{GRADE_MARK}",
        "record_id": record["id"],
        "base_version": record["version"],
        "changes": changes,
        "evidence_ids": evidence,
    }
    body: Json = graduate.app.ask("POST", "/corrections", 201, json=wish)
    return body


@step("wx.correct", CHAPTER, "提出更正，附证明文件", "correction with JPEG and PDF evidence", "wx.read", "wx.subscribe")
def correct(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    evidence = [
        upload(wei, "proof.jpg", marked_jpeg("PROOF", FILE_MARK), "image/jpeg"),
        upload(wei, "proof.pdf", marked_pdf(FILE_MARK), "application/pdf"),
    ]
    record = wei.app.get(f"/dossier/records/{wei.ids['record']}")
    ticket = ask_for(wei, "transcription", record, {"grade": NEW_GRADE}, evidence)
    wei.ids |= {"ticket": ticket["id"], "evidence": evidence[0]}
    check(ticket["state"] == "submitted" and len(ticket["evidence"]) == 2, f"ticket: {ticket['state']}")
    yield f"{ticket['number']} {ticket['kind_label']}：{ticket['changes'][0]['label']} → {NEW_GRADE}，证明 2 份"


@step("wx.status", CHAPTER, "查看申请进度", "the ticket in the list, with its deadlines", "wx.correct")
def status(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    listed = [t for t in wei.app.get("/corrections")["items"] if t["id"] == wei.ids["ticket"]]
    check(len(listed) == 1 and listed[0]["state"] == "submitted", f"listed: {listed}")
    ticket = wei.app.get(f"/corrections/{wei.ids['ticket']}")
    check([s["type"] for s in ticket["timeline"]] == ["ticket.opened"], f"timeline: {ticket['timeline']}")
    yield f"{listed[0]['state_label']}，{ticket['answer_by']} 前首次答复，{ticket['decide_by']} 前办结"
