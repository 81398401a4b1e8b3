"""Chapter F, the chat: a question answered by itself on the phone, then a person of the archive."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journey.clients import Graduate, until
from tests.journey.scene import Scene
from tests.journey.story import check, step

CHAPTER = "己　消息与转递 notices and transfer"
REPLY = "您好，您的更正已办结，请留意小程序。"


def replies(graduate: Graduate) -> list[str]:
    return [m["text"] for m in graduate.handset.messages() if m["kind"] == "custom"]


def ask(graduate: Graduate, text: str) -> str:
    """What the phone shows next."""
    before = len(replies(graduate))
    told = graduate.handset.do("say", text=text)
    check(told["delivery"]["state"] == "delivered", f"the push to us: {told['delivery']}")
    until(lambda: len(replies(graduate)) > before, f"an answer to {text}")
    return replies(graduate)[before]


@step(
    "chat.answer", CHAPTER, "微信里问档案，自动答复", "a question with slips is answered from live data", "desk.accept"
)
def answered(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    own = ask(wei, "我的更正申請辦得怎麼樣了")
    check("没有办理中的更正申请" in own or "件更正申请办理中" in own, f"about the correction: {own}")
    check(wei.person.name not in own and wei.person.student_number not in own, "personal data in an answer")
    another = ask(wei, "帮我查一下张三的档案")
    check("不能查询他人" in another, f"about another: {another}")
    kept = [m["text"] for m in wei.app.get("/chat/messages")["items"]]
    check(own in kept and another in kept, "the mini-program shows another conversation")
    yield f"“我的更正申請辦得怎麼樣了” → {own.splitlines()[0]}"
    yield f"“帮我查一下张三的档案” → {another.splitlines()[0][:24]}…"


@step("chat.desk", CHAPTER, "转人工：排队、受理、答复", "handed over, taken and replied in the console", "chat.answer")
def handed_over(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    waiting = ask(wei, "转人工")
    check(wei.app.get("/chat")["state"] == "waiting", f"after asking for a person: {waiting}")
    clerk.open("/console/chats")
    clerk.open(next(link for link in reversed(clerk.window.links("/console/chats/"))))
    check("我的更正申請辦得怎麼樣了" in clerk.window.text, "the conversation's history is not on its page")
    clerk.window.submit("/take")
    before = len(replies(wei))
    clerk.window.submit("/reply", text=REPLY)
    until(lambda: REPLY in replies(wei)[before:], "the reply on the phone")
    check(wei.app.get("/chat/messages")["items"][0]["author"] == "staff", "the reply is not in the mini-program")
    clerk.window.submit("/close")
    check(wei.app.get("/chat")["state"] == "closed", "the conversation did not end")
    yield f"{waiting.splitlines()[0]}；{clerk.name} 受理并答复，手机上收到：{REPLY}"
