"""WeChat: subscription messages, customer-service messages, and the templates of the console."""

from __future__ import annotations

from typing import Any

from providers.sandbox.config import Template
from providers.sandbox.phones import Phone
from providers.sandbox.refusals import WeChatRefusal
from providers.sandbox.template_values import check_data
from providers.sandbox.wechat_gate import Call, Json, Route
from providers.sandbox.wechat_push import push_event

SENT_EVENT = "wechat:sent_event"
TEXT_BYTES = 2048
STATES = ("developer", "trial", "formal")
LANGUAGES = ("zh_CN", "en_US", "zh_HK", "zh_TW")


def subscribe_send(call: Call) -> Json:
    world = call.world
    phone = call.phone(call.text("touser"))
    template = world.wechat_subscriptions.template(call.text("template_id"))
    if template is None:
        raise WeChatRefusal(40037, "invalid template_id")
    if call.body.get("miniprogram_state", "formal") not in STATES or call.body.get("lang", "zh_CN") not in LANGUAGES:
        raise WeChatRefusal(40097, "invalid args: miniprogram_state or lang")
    values = check_data(template, call.body.get("data"))
    if phone.open_id in world.subscribe_switch_off or not world.wechat_subscriptions.spend(
        phone.open_id, template.template_id
    ):
        raise WeChatRefusal(43101, "user refuse to accept the msg")
    message_id = world.number()
    _deliver(call, phone, template, values, str(message_id))
    return {"errcode": 0, "errmsg": "ok", "msgid": message_id}


def _deliver(call: Call, phone: Phone, template: Template, values: dict[str, str], message_id: str) -> None:
    """Show it on the phone and push the sent event; a fault on SENT_EVENT loses it the way the system may."""
    world = call.world
    fault = world.faults.take(SENT_EVENT)
    if fault is None:
        world.phones.show(
            phone,
            world.clock.wall(),
            "subscribe",
            title=template.title,
            template_id=template.template_id,
            page=call.text("page"),
            fields=values,
            labels=template.fields,
            message_id=message_id,
        )
    item = {
        "TemplateId": template.template_id,
        "MsgID": message_id,
        "ErrorCode": "0" if fault is None else str(fault.value or 1),
        "ErrorStatus": "success" if fault is None else "system error",
    }
    push_event(world, phone, "subscribe_msg_sent_event", [item])


def custom_send(call: Call) -> Json:
    phone = call.phone(call.text("touser"))
    kind = call.text("msgtype")
    title, text = _custom_content(kind, call.body.get(kind))
    refused = call.world.chats.spend(phone.open_id)
    if refused:
        words = (
            "response out of time limit or subscription is canceled" if refused == 45015 else "out of response count"
        )
        raise WeChatRefusal(refused, words)
    page = (call.body.get(kind) or {}).get("pagepath", "") if kind == "miniprogrampage" else ""
    call.world.phones.show(phone, call.world.clock.wall(), "custom", title=title, text=text, page=page)
    return {"errcode": 0, "errmsg": "ok"}


def _custom_content(kind: str, part: Any) -> tuple[str, str]:
    """(title, text) of the message body. Raises WeChatRefusal."""
    members = {
        "text": ("content",),
        "link": ("title", "description", "url"),
        "miniprogrampage": ("title", "pagepath", "thumb_media_id"),
        "image": ("media_id",),
    }.get(kind)
    if members is None:
        raise WeChatRefusal(40008, "invalid message type")
    if not isinstance(part, dict) or not all(isinstance(part.get(m), str) and part[m] for m in members):
        raise WeChatRefusal(44004 if kind == "text" else 40007, f"{kind} is incomplete")
    if kind == "text" and len(part["content"].encode()) > TEXT_BYTES:
        raise WeChatRefusal(45002, "content size out of limit")
    if kind == "text":
        return "", part["content"]
    return str(part.get("title") or "图片"), str(part.get("description") or part.get("media_id") or "")


def list_templates(call: Call) -> Json:
    return {"errcode": 0, "errmsg": "ok", "data": [row_of(t) for t in call.world.wechat_subscriptions.templates()]}


def row_of(template: Template) -> Json:
    labels = template.fields.items()
    return {
        "priTmplId": template.template_id,
        "title": template.title,
        "content": "".join(f"{label}:{{{{{key}.DATA}}}}\n" for key, label in labels),
        "example": "".join(f"{label}:示例\n" for _, label in labels),
        "type": 3 if template.long_term else 2,
    }


ROUTES = (
    Route("/cgi-bin/message/subscribe/send", "POST", subscribe_send, no_escapes=True),
    Route("/cgi-bin/message/custom/send", "POST", custom_send, no_escapes=True),
    Route("/wxaapi/newtmpl/gettemplate", "GET", list_templates),
)
