"""Chapter 壬, letters: with no credit left the notice comes by e-mail, and whoever doubts it asks on the open page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.journey.campaign_steps import left, subscription
from tests.journey.clients import Graduate, Json, until
from tests.journey.doors_steps import WHOLE, call, new_client
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import come_back, show_fingerprint

NOTICE = "请到校办理"
SENT_LIMIT_S = 30.0
_PROOF, _CHECK = re.compile(r"验证码：(\d{6})"), re.compile(r"核验码：([A-Z2-9]{8})")
_LINK = re.compile(r"https?:|://|www\.|<a\b", re.IGNORECASE)


def address_of(scene: Scene) -> str:
    return f"canary.mailbox.{scene.number}@mail.example.com"


def mails(scene: Scene, subject: str) -> list[Json]:
    """What arrived in the graduate's mailbox under a subject that holds this."""
    arrived = scene.house.sandbox.call("GET", "/mails")["mails"]
    return [m for m in arrived if address_of(scene) in m["to"] and subject in m["subject"]]


def asked_to_come(scene: Scene, graduate: Graduate) -> None:
    """A system of the school's sends a notice of the catalogue; who is meant it names by the student number."""
    if "sender" not in scene.seen:
        scene.seen["sender"] = new_client(scene, f"学院通知系统{scene.number}", "--scope", "notices:send")
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    wish = {
        "kind": "ask_visit",
        "recipient": {"student_number": graduate.person.student_number},
        "fields": {"place": "archive_desk", "until": day},
    }
    taken = call(scene, scene.seen["sender"], "POST", "/notices", uuid.uuid4().hex, json=wish)
    check(taken.status == 202, f"send: {taken.status} {taken.code}")


def shown(graduate: Graduate) -> int:
    """How many of these notices the phone shows."""
    return sum(NOTICE in str(m.get("fields", "")) for m in graduate.handset.messages())


@step(
    "letter.address",
    WHOLE,
    "毕业生登记邮箱：收到验证码，验证后生效",
    "the graduate names a mailbox; a code is mailed and shown",
    "wx.subscribe",
)
def address(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    come_back(wei)
    show_fingerprint(scene, wei, "manage_account")
    named = scene.keep("mailbox", address_of(scene))
    added = wei.app.ask("POST", "/me/contacts", 201, json={"kind": "email", "address": named})
    check(added["verified_at"] is None and named not in str(added), f"before the code: {added}")
    until(lambda: bool(mails(scene, "邮箱验证码")), "the mailed code")
    found = _PROOF.search(mails(scene, "邮箱验证码")[-1]["body"])
    check(found, "the letter holds no code")
    assert found is not None
    path = f"/me/contacts/{added['id']}/verification"
    done = wei.app.ask("POST", path, 200, json={"code": found[1]})
    check(done["verified_at"] is not None, f"after the code: {done}")
    yield f"{done['shown']} 已验证；接口只返回掩码地址"


@step(
    "letter.sent",
    WHOLE,
    "订阅次数用完：重要通知改由邮件送达",
    "no credit left: an important notice comes by e-mail in place of the push",
    "letter.address",
    "op.start",
)
def sent(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    come_back(wei)
    wei.handset.do("unsubscribe", template_ids=[subscription(wei)["template_id"]])
    until(lambda: left(wei) == 0, "the ledger without a credit")
    on_phone = shown(wei)
    asked_to_come(scene, wei)
    until(lambda: bool(mails(scene, NOTICE)), "the letter in the mailbox", SENT_LIMIT_S)
    (letter,) = mails(scene, NOTICE)
    check(shown(wei) == on_phone, "the phone received what was not subscribed to")
    text, person = f"{letter['subject']}\n{letter['body']}", wei.person
    check(not _LINK.search(text), f"a link in the letter: {text[:300]}")
    personal = (person.name, person.id_number, person.phone, person.student_number, address_of(scene))
    check(not any(mark in text for mark in personal), "personal data in the letter")
    code = _CHECK.search(letter["body"])
    check(code, "no check-code in the letter")
    assert code is not None
    line = next(n for n in wei.app.get("/notices")["items"] if n["title"] == NOTICE)
    check(line["check_code"] == code[1], "the inbox shows another check-code")
    scene.seen["check code"] = code[1]
    yield f"手机没有收到；邮箱收到：{letter['subject']}"
    yield "邮件无链接、无姓名证件号，核验码与站内信相同"


@step(
    "letter.checked",
    WHOLE,
    "核验页：邮件中的核验码属实，改一位即查不到",
    "the open page: the letter's code is ours, an altered one is not",
    "letter.sent",
)
def checked(scene: Scene) -> Iterator[str]:
    code, window = scene.seen["check code"], scene.house.window()
    window.go("/check")
    window.submit("/check", code=f"{code[:4].lower()} {code[4:]}")
    told = " ".join(window.text.split())
    check("是学校发出的消息" in told and "毕业生档案手续" in told, f"the letter's code: {told[:300]}")
    check(scene.graduate("wei").person.name not in told, "the page names somebody")
    window.submit("/check", code=code[:-1] + ("A" if code[-1] != "A" else "B"))
    altered = " ".join(window.text.split())
    check("没有查到这个核验码" in altered, f"an altered code: {altered[:300]}")
    check(code not in window.path, "the code stands in the address")
    yield f"{told.partition('✓')[2].partition('类型或日期')[0].strip()}；改动一位：没有查到"
