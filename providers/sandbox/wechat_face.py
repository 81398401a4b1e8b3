"""WeChat: face verification 2.0 (getverifyid, queryverifyinfo)."""

from __future__ import annotations

import hmac
import re

from providers.sandbox.faces import WECHAT_LIFETIME_S
from providers.sandbox.refusals import WeChatRefusal
from providers.sandbox.wechat_crypto import cert_hash
from providers.sandbox.wechat_gate import Call, Json, Route

CERT_TYPE = "IDENTITY_CARD"
_SEQ = re.compile(r"[0-9A-Za-z_-]{5,32}")
_ID_NUMBER = re.compile(r"\d{17}[0-9Xx]")


def begin(call: Call) -> Json:
    seq = call.text("out_seq_no")
    if not seq:
        raise WeChatRefusal(84010, "out_seq_no missing")
    if not _SEQ.fullmatch(seq):
        raise WeChatRefusal(84011, "out_seq_no format error")
    name, number = _papers(call)
    if not call.text("openid"):
        raise WeChatRefusal(84016, "openid missing")
    phone = call.phone(call.text("openid"))
    if call.world.faces.seen("wechat", seq):
        raise WeChatRefusal(84019, "out_seq_no exists")
    case = call.world.faces.begin("wechat", "identify", seq, phone.open_id, name, number)
    return {"errcode": 0, "errmsg": "ok", "verify_id": case.ticket, "expires_in": WECHAT_LIFETIME_S}


def _papers(call: Call) -> tuple[str, str]:
    papers = call.body.get("cert_info")
    if not isinstance(papers, dict):
        raise WeChatRefusal(84012, "cert_info missing")
    if papers.get("cert_type") != CERT_TYPE:
        raise WeChatRefusal(84013, "cert_type error")
    name, number = papers.get("cert_name"), papers.get("cert_no")
    if not isinstance(name, str) or not name:
        raise WeChatRefusal(84014, "cert_name error")
    if not isinstance(number, str) or not _ID_NUMBER.fullmatch(number):
        raise WeChatRefusal(84015, "cert_no error")
    return name, number


def query(call: Call) -> Json:
    case = call.world.faces.find(call.text("verify_id"))
    if case is None or case.platform != "wechat":
        raise WeChatRefusal(84021, "verify_id not found")
    if case.open_id != call.text("openid"):
        raise WeChatRefusal(84017, "openid does not match")
    if case.order_no != call.text("out_seq_no"):
        raise WeChatRefusal(84020, "out_seq_no does not match")
    expected = cert_hash(CERT_TYPE, case.name, case.id_number)
    if not hmac.compare_digest(expected.encode(), call.text("cert_hash").encode()):
        raise WeChatRefusal(84018, "cert_hash does not match")
    if call.world.faces.expired(case):
        raise WeChatRefusal(84022, "verify_id expired")
    return {"errcode": 0, "errmsg": "ok", "verify_ret": case.verify_ret}


ROUTES = (
    Route("/cityservice/face/identify/getverifyid", "POST", begin),
    Route("/cityservice/face/identify/queryverifyinfo", "POST", query),
)
