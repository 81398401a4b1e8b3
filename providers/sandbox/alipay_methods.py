"""Alipay: log-in, face certification (in-app and H5 family), mini-program messages, consent query."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from flask import request

from providers.sandbox.alipay_gate import AlipayCall, Json, Method
from providers.sandbox.codes import CodeKind, CodeUnknown, CodeUsed
from providers.sandbox.config import Template
from providers.sandbox.faces import FaceCase
from providers.sandbox.phones import Phone
from providers.sandbox.refusals import AlipayRefusal

OK = {"code": "10000", "msg": "Success"}
TOKEN_LIFE_S = 1296000
REFRESH_LIFE_S = 2592000
VALUE_CHARS = 50
DATA_CHARS = 2048
PAGE_CHARS = 128
OPEN_CODES = ("FACE", "SMART_FACE", "CERT_PHOTO", "CERT_PHOTO_FACE")
H5_CODES = ("FUTURE_TECH_BIZ_FACE_SDK",)
_KEYWORD = re.compile(r"keyword([1-9]\d?)")


def _invalid(text: str) -> AlipayRefusal:
    return AlipayRefusal("40002", "isv.invalid-parameter", text)


def _object(value: Any, name: str) -> Json:
    """A nested object, which callers send either as an object or as its JSON text. Raises AlipayRefusal."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise _invalid(name) from None
    if not isinstance(found, dict):
        raise _invalid(name)
    return found


def oauth_token(call: AlipayCall) -> Json:
    """Parameters at top level; no ``code`` in the success node; failures under error_response."""
    grant = call.parameters.get("grant_type")
    if grant == "authorization_code":
        phone = _by_code(call)
    elif grant == "refresh_token":
        phone = _by_refresh_token(call)
    else:
        raise AlipayRefusal("40002", "isv.grant-type-invalid", "授权类型grant_type无效", in_error_response=True)
    refresh_token = secrets.token_hex(20)
    call.world.alipay_tokens[refresh_token] = phone.id
    node = {
        "access_token": secrets.token_hex(20),
        "auth_start": call.world.clock.beijing().strftime("%Y-%m-%d %H:%M:%S"),
        "expires_in": str(TOKEN_LIFE_S),
        "open_id": phone.open_id,
        "re_expires_in": REFRESH_LIFE_S,
        "refresh_token": refresh_token,
    }
    return node | ({"union_id": phone.union_id} if phone.union_id else {})


def _by_code(call: AlipayCall) -> Phone:
    try:
        phone_id = call.world.codes.redeem(CodeKind.LOGIN, "alipay", call.parameters.get("code", ""))
    except (CodeUnknown, CodeUsed):
        raise AlipayRefusal("40002", "isv.code-invalid", "授权码code无效", in_error_response=True) from None
    return call.world.phones.get(phone_id)


def _by_refresh_token(call: AlipayCall) -> Phone:
    phone_id = call.world.alipay_tokens.pop(call.parameters.get("refresh_token", ""), None)
    if phone_id is None:
        raise AlipayRefusal("40002", "isv.refresh-token-invalid", "刷新令牌refresh_token无效", in_error_response=True)
    return call.world.phones.get(phone_id)


def _begin(call: AlipayCall, family: str, biz_codes: tuple[str, ...]) -> Json:
    order = call.text("outer_order_no")
    if not order or len(order) > 32:
        raise _invalid("outer_order_no")
    if call.text("biz_code") not in biz_codes:
        raise _invalid("biz_code")
    person = _object(call.content.get("identity_param"), "identity_param")
    if person.get("identity_type") != "CERT_INFO":
        raise _invalid("identity_param")
    name, number = person.get("cert_name"), person.get("cert_no")
    if person.get("cert_type") != "IDENTITY_CARD" or not isinstance(name, str) or not isinstance(number, str):
        raise _invalid("identity_param")
    if call.world.faces.seen("alipay", order):
        raise _invalid("outer_order_no 重复")
    case = call.world.faces.begin("alipay", family, order, "", name, number)
    return {**OK, "certify_id": case.ticket}


def open_initialize(call: AlipayCall) -> Json:
    if "return_url" not in _object(call.content.get("merchant_config"), "merchant_config"):
        raise _invalid("merchant_config.return_url")
    return _begin(call, "open", OPEN_CODES)


def h5_initialize(call: AlipayCall) -> Json:
    return _begin(call, "h5", H5_CODES)


def h5_verify(call: AlipayCall) -> Json:
    case = _case(call, "h5")
    return {**OK, "certify_url": f"{request.host_url}alipay/face?certify_id={case.ticket}"}


def open_query(call: AlipayCall) -> Json:
    return _passed(_case(call, "open"))


def h5_query(call: AlipayCall) -> Json:
    return _passed(_case(call, "h5"))


def _case(call: AlipayCall, family: str) -> FaceCase:
    case = call.world.faces.find(call.text("certify_id"))
    if case is None or case.platform != "alipay" or case.family != family or call.world.faces.expired(case):
        raise AlipayRefusal("40004", "CERTIFY_ID_EXPIRED", "认证已失效")
    return case


def _passed(case: FaceCase) -> Json:
    """``passed`` F without fail_reason while the person has not finished."""
    if case.outcome in ("pass", 10000):
        return {**OK, "passed": "T"}
    return {**OK, "passed": "F"} | ({"fail_reason": case.fail_reason} if case.outcome is not None else {})


def template_send(call: AlipayCall) -> Json:
    world = call.world
    phone = world.phones.by_open_id("alipay", call.text("to_open_id"))
    if phone is None:
        raise AlipayRefusal("40004", "SANDBOX_USER_UNKNOWN", "用户不存在")
    template = world.alipay_subscriptions.template(call.text("user_template_id"))
    if template is None:
        raise AlipayRefusal("40004", "USER_TEMPLATE_ILLEGAL", "模板非法")
    if len(call.text("page")) > PAGE_CHARS:
        raise _invalid("page")
    values = _keywords(template, call.content.get("data"))
    if not world.alipay_subscriptions.spend(phone.open_id, template.template_id):
        # The real sub_code for this is published nowhere; the name says that it is ours.
        raise AlipayRefusal("40004", "SANDBOX_USER_NOT_SUBSCRIBED", "用户未订阅该消息")
    world.phones.show(
        phone,
        world.clock.wall(),
        "template",
        title=template.title,
        template_id=template.template_id,
        page=call.text("page"),
        fields=values,
        labels=template.fields,
    )
    return dict(OK)


def _keywords(template: Template, data: Any) -> dict[str, str]:
    if not isinstance(data, str) or len(data) > DATA_CHARS:
        raise _invalid("data 应为 JSON 字符串")
    try:
        rows = json.loads(data)
        values = {str(key): str(row["value"]) for key, row in rows.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _invalid("data 应为 JSON 字符串") from None
    numbers = [int(match[1]) for match in map(_KEYWORD.fullmatch, values) if match]
    needed = set(template.fields) or {f"keyword{n}" for n in range(1, max(numbers, default=1) + 1)}
    if any(not values.get(key) for key in needed):
        raise AlipayRefusal("40004", "USER_TEMPLATE_LACK_KEYWORD", "模板缺少关键字")
    if any(len(value) > VALUE_CHARS for value in values.values()):
        raise AlipayRefusal("40004", "USER_KEYWORD_LENGTH_ERROR", "关键字长度超限")
    return {key: values[key] for key in sorted(needed)}


def subscription_query(call: AlipayCall) -> Json:
    ids = call.content.get("template_id_list")
    ids = ids.split(",") if isinstance(ids, str) else ids
    if not isinstance(ids, list) or not call.text("open_id"):
        raise _invalid("template_id_list")
    desk = call.world.alipay_subscriptions
    rows = []
    for template in filter(None, (desk.template(str(template_id)) for template_id in ids)):
        agreed = desk.left(call.text("open_id"), template.template_id) != 0
        rows.append(
            {
                "template_id": template.template_id,
                "subscribe_state": "SUBSCRIBE" if agreed else "UNSUBSCRIBE",
                "subscribe_type": "LONG_TERM" if template.long_term else "ONE_TIME",
                "keep_state": "N",
                "show": True,
            }
        )
    return {**OK, "show_component": True, "subscribe_relations": rows}


METHODS: dict[str, Method] = {
    "alipay.system.oauth.token": oauth_token,
    "alipay.user.certify.open.initialize": open_initialize,
    "alipay.user.certify.open.query": open_query,
    "datadigital.fincloud.generalsaas.face.certify.initialize": h5_initialize,
    "datadigital.fincloud.generalsaas.face.certify.verify": h5_verify,
    "datadigital.fincloud.generalsaas.face.certify.query": h5_query,
    "alipay.open.app.mini.templatemessage.send": template_send,
    "alipay.open.app.messagetemplate.subscribe.query": subscription_query,
}
