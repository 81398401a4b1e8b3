"""Chapter 壬, what did not arrive: a dead push is explained in the console, its channel pauses, a letter goes in its
place, and staff who accept a double send it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.journey.campaign_steps import left, one_credit
from tests.journey.clients import until
from tests.journey.console import Clerk
from tests.journey.doors_steps import WHOLE
from tests.journey.letter_steps import NOTICE, SENT_LIMIT_S, asked_to_come, mails, shown
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import come_back

PATH = "/console/undelivered"
NO_SUCH_TEMPLATE = 40037
PAUSED = "暂停的通道"
DEAD_LIMIT_S = 30.0
HEALED_LIMIT_S = 150.0  # a minute's pause, up to half a minute of spreading, and the queue's own
_DEAD = re.compile(rf'name="pick" value="([0-9a-f-]{{36}})" aria-label="选择 {NOTICE}，')


def dead(clerk: Clerk) -> list[str]:
    """The ids of such notices that ended by a fault of the set-up, the newest first."""
    status, _, page = clerk.window.fetch(f"{PATH}?cause=config&way=wechat")
    check(status == 200, f"{PATH}: {status}")
    return _DEAD.findall(page.decode())


def in_group(scene: Scene, words: str) -> int:
    """How often the staff's group was told this."""
    return sum(words in str(m) for m in scene.house.sandbox.call("GET", "/group/messages")["messages"])


@step(
    "push.dead",
    WHOLE,
    "模板失效：未送达写明原因和办法，通道暂停，工作群得知，邮件代为送达",
    "WeChat knows no such template: why and what to do, the channel pauses, staff hear, a letter goes instead",
    "letter.address",
    "staff.first",
)
def explained(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    come_back(wei)
    one_credit(wei)
    until(lambda: left(wei) == 1, "one credit in the ledger")
    clerk.open(PATH)
    before, alarms, on_phone = dead(clerk), in_group(scene, "消息通道暂停：微信"), shown(wei)
    mailed = len(mails(scene, NOTICE))
    scene.house.sandbox.fault("wechat:/cgi-bin/message/subscribe/send", "errcode", NO_SUCH_TEMPLATE)
    asked_to_come(scene, wei)
    until(lambda: len(dead(clerk)) == len(before) + 1, "the dead push in the console", DEAD_LIMIT_S)
    clerk.open(f"{PATH}?cause=config&way=wechat")
    text = clerk.window.text
    for words in ("模板或平台配置有误", "请联系运维人员检查模板编号", PAUSED, f"config:{NO_SUCH_TEMPLATE}"):
        check(words in text, f"{words} is not on the page: {text[:300]}")
    until(lambda: in_group(scene, "消息通道暂停：微信") > alarms, "the group robot's line", DEAD_LIMIT_S)
    until(lambda: len(mails(scene, NOTICE)) == mailed + 1, "the letter in its place", SENT_LIMIT_S)
    check(shown(wei) == on_phone, "the phone shows what was refused")
    status, _, page = clerk.window.fetch(PATH)
    check(status == 200 and dead(clerk)[0] not in page.decode(), "what arrived by letter is among what is to be done")
    scene.seen |= {"dead push": dead(clerk)[0], "on phone": str(on_phone)}
    yield f"微信返回 {NO_SUCH_TEMPLATE}；页面：模板或平台配置有误，附处理办法；该模板暂停，工作群收到一条"
    yield "邮箱收到同一通知，未送达的待办中不再列出，按原因仍可查到"


@step(
    "push.again",
    WHOLE,
    "修好后重新发送：先确认可能收到两次，暂停期满自动试发，手机收到，通道恢复",
    "sent again by staff who confirm a double: tried when the pause is over, on the phone once, the channel healed",
    "push.dead",
)
def again(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    chosen, on_phone = scene.seen["dead push"], int(scene.seen["on phone"])
    healed, mailed = in_group(scene, "消息通道已恢复：微信"), len(mails(scene, NOTICE))
    clerk.open(f"{PATH}?cause=config&way=wechat")
    clerk.window.submit("/undelivered/replay:first", pick=chosen)
    check("请勾选确认后再发" in clerk.window.text, f"no question first: {clerk.window.text[:300]}")
    clerk.open(f"{PATH}?cause=config&way=wechat")
    clerk.window.submit("/undelivered/replay:first", pick=chosen, double="yes")
    check("已安排重新发送" in clerk.window.text, f"replay: {clerk.window.text[:300]}")
    until(lambda: shown(wei) > on_phone, "the message on the phone", HEALED_LIMIT_S)
    check(shown(wei) == on_phone + 1, f"the phone shows it {shown(wei) - on_phone} times")
    check(len(mails(scene, NOTICE)) == mailed, "a second letter of the same notice")
    until(lambda: in_group(scene, "消息通道已恢复：微信") > healed, "the group robot's line", DEAD_LIMIT_S)
    clerk.open(PATH)
    check(PAUSED not in clerk.window.text, "the channel is shown as paused still")
    check(chosen not in dead(clerk), "what arrived is listed still")
    yield "未勾选确认时不发送；暂停期满试发成功，手机收到一条，邮箱没有第二封；未送达中不再列出，工作群得知恢复"
