"""Planted faults of the campaigns' steps."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import no_inserts, sandbox_fault, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("campaign.paused", "暂停没有记下 a pause is not written down")
def goes_on(scene: Scene, undo: Undo) -> None:
    trigger(
        scene,
        undo,
        "notice_campaign",
        "update",
        "if new.state = 'paused' then new.state := 'running'; end if; return new;",
    )


@fault("campaign.pushed", "微信返回 43101，手机收不到 WeChat says 43101")
def no_push_by_wechat(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "wechat:/cgi-bin/message/subscribe/send", "errcode", 43101, 500)


@fault("campaign.pushed", "支付宝模板被停用 Alipay refuses the template")
def no_push_by_alipay(scene: Scene, undo: Undo) -> None:
    target = "alipay:alipay.open.app.mini.templatemessage.send"
    sandbox_fault(scene, undo, target, "sub_code", "USER_TEMPLATE_ILLEGAL", 500)


@fault("campaign.credits", "站内信写不进去 the inbox takes no lines")
def no_inbox(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "notice")
