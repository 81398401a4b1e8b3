"""WeChat: log-in, tokens, phone number, session tools, fingerprint, and small services."""

from __future__ import annotations

import base64
import binascii
import hmac
import io
import re
import secrets

import segno
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from flask import Response

from providers.sandbox.codes import CodeKind, CodeUnknown, CodeUsed
from providers.sandbox.refusals import WeChatRefusal
from providers.sandbox.wechat_crypto import session_signature
from providers.sandbox.wechat_gate import Call, Json, Route

OK = {"errcode": 0, "errmsg": "ok"}
RID_LIFE_S = 7 * 86400
RECENT_USE_S = 7200
SOTER_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=20)
RISKY_WORDS = ("违规测试", "sandbox-risky")
REVIEW_WORDS = ("复核测试", "sandbox-review")
_SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")


def _check_app(call: Call, app_id: str, secret: str) -> None:
    config = call.world.config
    if not app_id:
        raise WeChatRefusal(41002, "appid missing")
    if app_id != config.wechat_app_id:
        raise WeChatRefusal(40013, "invalid appid")
    if not secret:
        raise WeChatRefusal(41004, "appsecret missing")
    if not hmac.compare_digest(secret.encode(), config.wechat_app_secret.encode()):
        raise WeChatRefusal(40125, "invalid appsecret")


def code_to_session(call: Call) -> Json:
    query, world = call.query, call.world
    _check_app(call, query.get("appid", ""), query.get("secret", ""))
    if not query.get("js_code"):
        raise WeChatRefusal(41008, "missing code")
    if query.get("grant_type") != "authorization_code":
        raise WeChatRefusal(40002, "invalid grant_type")
    try:
        phone = world.phones.get(world.codes.redeem(CodeKind.LOGIN, "wechat", query["js_code"]))
    except CodeUsed:
        raise WeChatRefusal(40163, "code been used") from None
    except CodeUnknown:
        raise WeChatRefusal(40029, "invalid code") from None
    if phone.blocked:
        raise WeChatRefusal(40226, "code blocked")
    session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    world.session_keys[phone.open_id] = session_key
    world.last_seen[phone.open_id] = world.clock.age()
    reply = {"session_key": session_key, "openid": phone.open_id}
    return reply | ({"unionid": phone.union_id} if phone.union_id else {})


def plain_token(call: Call) -> Json:
    if call.query.get("grant_type") != "client_credential":
        raise WeChatRefusal(40002, "invalid grant_type")
    _check_app(call, call.query.get("appid", ""), call.query.get("secret", ""))
    token, seconds = call.world.tokens.fetch()
    return {"access_token": token, "expires_in": seconds}


def stable_token(call: Call) -> Json:
    if call.text("grant_type") != "client_credential":
        raise WeChatRefusal(40002, "invalid grant_type")
    _check_app(call, call.text("appid"), call.text("secret"))
    token, seconds = call.world.tokens.stable(call.body.get("force_refresh") is True)
    return {"access_token": token, "expires_in": seconds}


def phone_number(call: Call) -> Json:
    world = call.world
    try:
        phone = world.phones.get(world.codes.redeem(CodeKind.PHONE, "wechat", call.text("code")))
    except (CodeUsed, CodeUnknown):
        raise WeChatRefusal(40029, "invalid code") from None
    if call.text("openid") not in ("", phone.open_id):
        raise WeChatRefusal(40029, "invalid code: openid does not match")
    number = phone.phone_number
    world.phone_answers += 1
    watermark = {"timestamp": int(world.clock.wall()), "appid": world.config.wechat_app_id}
    info = {
        "phoneNumber": number,
        "purePhoneNumber": number,
        "countryCode": "86" if world.phone_answers % 2 else 86,  # both are seen on the wire
        "watermark": watermark,
    }
    return {**OK, "phone_info": info}


def check_session(call: Call) -> Json:
    _session(call)
    return dict(OK)


def reset_session(call: Call) -> Json:
    open_id = _session(call)
    fresh = base64.b64encode(secrets.token_bytes(16)).decode()
    call.world.session_keys[open_id] = fresh
    return {**OK, "openid": open_id, "session_key": fresh}


def _session(call: Call) -> str:
    open_id, signature = call.query.get("openid", ""), call.query.get("signature", "")
    if not open_id or not signature:
        raise WeChatRefusal(40097, "invalid args")
    if call.query.get("sig_method") != "hmac_sha256":
        raise WeChatRefusal(87008, "invalid sig_method")
    call.phone(open_id)
    session_key = call.world.session_keys.get(open_id)
    if session_key is None:
        raise WeChatRefusal(87007, "session_key is not existed or expired")
    if not hmac.compare_digest(session_signature(session_key).encode(), signature.encode()):
        raise WeChatRefusal(87009, "invalid signature")
    return open_id


def text_check(call: Call) -> Json:
    """Version 2 by openid; the marker words of RISKY_WORDS and REVIEW_WORDS decide."""
    content = call.text("content")
    risky = any(word in content for word in RISKY_WORDS)
    if call.body.get("version") != 2:
        if risky:
            raise WeChatRefusal(87014, "risky content")
        return dict(OK)
    if call.body.get("scene") not in (1, 2, 3, 4):
        raise WeChatRefusal(40129, "invalid scene")
    phone = call.phone(call.text("openid"))
    seen = call.world.last_seen.get(phone.open_id)
    if seen is None or call.world.clock.age() - seen > RECENT_USE_S:
        raise WeChatRefusal(61010, "code is expired")
    if not content or len(content) > 2500:
        raise WeChatRefusal(45002, "content size out of limit")
    review = any(word in content for word in REVIEW_WORDS)
    suggest, label = ("risky", 20006) if risky else ("review", 21000) if review else ("pass", 100)
    detail = [{"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}]
    return {
        **OK,
        "result": {"suggest": suggest, "label": label},
        "detail": detail,
        "trace_id": secrets.token_hex(12),
    }


def callback_ip(_call: Call) -> Json:
    return {"ip_list": ["127.0.0.1"]}


def soter_verify(call: Call) -> Json:
    """True only if this phone's key signed this text; whether the challenge is fresh is the caller's matter."""
    phone = call.phone(call.text("openid"))
    try:
        signature = base64.b64decode(call.text("json_signature"), validate=True)
        public_key = call.world.key(f"soter:{phone.id}").public_key()
        public_key.verify(signature, call.text("json_string").encode(), SOTER_PADDING, hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return {**OK, "is_ok": False}
    return {**OK, "is_ok": True}


def resolve_rid(call: Call) -> Json:
    found = call.world.rids.find(call.text("rid"))
    if found is None:
        raise WeChatRefusal(76001, "rid not found")
    at, path, info = found
    if path.startswith("/sns/"):
        raise WeChatRefusal(76022, "could not use this api to query this rid")
    if call.world.clock.age() - at > RID_LIFE_S:
        raise WeChatRefusal(76004, "rid is expired")
    return {**OK, "request": info}


def unlimited_code(call: Call) -> Json | Response:
    """Image bytes on success, JSON on failure: the caller must look which it is."""
    if not _SCENE.fullmatch(call.text("scene")):
        raise WeChatRefusal(40129, "invalid scene")
    if call.text("page").startswith("/") or "?" in call.text("page"):
        raise WeChatRefusal(40097, "invalid page")
    image = io.BytesIO()
    segno.make(f"sandbox:{call.text('page')}?scene={call.text('scene')}").save(image, kind="png", scale=6)
    return Response(image.getvalue(), content_type="image/png")


def url_link(call: Call) -> Json:
    if len(call.text("query")) > 1024:
        raise WeChatRefusal(40212, "invalid query")
    return {**OK, "url_link": f"https://wxaurl.cn/{secrets.token_urlsafe(8)}"}


ROUTES = (
    Route("/sns/jscode2session", "GET", code_to_session, token=False),
    Route("/cgi-bin/token", "GET", plain_token, token=False),
    Route("/cgi-bin/stable_token", "POST", stable_token, token=False),
    Route("/wxa/business/getuserphonenumber", "POST", phone_number),
    Route("/wxa/checksession", "GET", check_session),
    Route("/wxa/resetusersessionkey", "GET", reset_session),
    Route("/wxa/msg_sec_check", "POST", text_check),
    Route("/cgi-bin/getcallbackip", "GET", callback_ip),
    Route("/cgi-bin/soter/verify_signature", "POST", soter_verify),
    Route("/cgi-bin/openapi/rid/get", "POST", resolve_rid),
    Route("/wxa/getwxacodeunlimit", "POST", unlimited_code),
    Route("/wxa/generate_urllink", "POST", url_link),
)
