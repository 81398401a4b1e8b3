"""WeChat face verification 2.0 (人脸核身): getverifyid, wx.requestFacialVerify, queryverifyinfo."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from typing import Any

from wechatpy.exceptions import WeChatClientException

from app.ports import CertifyOutcome, CertifyState, CertifyTicket
from providers.outbound import PlatformUnavailable
from providers.wechat.client import BUSY, DAY_LIMIT, MINUTE_LIMIT, WeChatClient, refusal_code, unavailable
from providers.wechat.tokens import PROVIDER

log = logging.getLogger(__name__)

CERT_TYPE = "IDENTITY_CARD"
PASSED = 10000
TICKET_S = 3600
TICKET_EXPIRED = 84022

_GROUPS = {
    CertifyState.PENDING: (10300, 10005),
    CertifyState.RETRY: (
        *(10007, 10008, 10013, 10014, 10015, 10020, 10029, 10045, 10052, 90007, 90012, 90017, 90018, 90107),
        10021,  # done twice with one ticket: the earlier answer is not proof of now
        *(90008, 90009, 90010),  # camera permission: can be granted
        *(10010, 90011, 90013, 90014),  # picture quality
    ),
    CertifyState.CANCELLED: (90002, 90003, 90004, 90005, 90006),
    CertifyState.MISMATCH: (10003, 10004, 10012),
    CertifyState.MANUAL: (
        10026,  # not in the authority's base
        10042,  # too often: another factor for now
        *(90001, 90109),  # this device cannot
    ),
}
STATE_OF = {code: state for state, codes in _GROUPS.items() for code in codes}


def cert_hash(name: str, id_number: str, cert_type: str = CERT_TYPE) -> str:
    """Hex SHA-256 over cert_type=…&cert_name=…&cert_no=…, each value in standard base64 of UTF-8."""
    fields = {"cert_type": cert_type, "cert_name": name, "cert_no": id_number}
    joined = "&".join(f"{key}={base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
    return hashlib.sha256(joined.encode()).hexdigest()


class WeChatFace:
    """app.ports.FaceCertifier. Only mainland ID cards; the picture (getimage) is never fetched."""

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def begin(self, *, order_no: str, open_id: str, name: str, id_number: str) -> CertifyTicket:
        """Raises Unavailable also when WeChat refuses the order or the name; the code is in ``reason``."""
        body = {
            "out_seq_no": order_no,
            "cert_info": {"cert_type": CERT_TYPE, "cert_name": name, "cert_no": id_number},
            "openid": open_id,
        }
        try:
            found = self._client.post_json("/cityservice/face/identify/getverifyid", body)
        except WeChatClientException as error:
            raise unavailable(error) from None
        verify_id, life = found.get("verify_id"), found.get("expires_in", TICKET_S)
        if not isinstance(verify_id, str) or not verify_id:
            raise PlatformUnavailable(PROVIDER, "no_verify_id", sent=True)
        return CertifyTicket(verify_id, {"verifyId": verify_id}, life if isinstance(life, int) else TICKET_S)

    def result(self, *, order_no: str, ticket: str, open_id: str, name: str, id_number: str) -> CertifyOutcome:
        """PASSED only for errcode 0 with verify_ret 10000. ``reason`` is verify_ret or the errcode."""
        body = {
            "verify_id": ticket,
            "out_seq_no": order_no,
            "cert_hash": cert_hash(name, id_number),
            "openid": open_id,
        }
        try:
            found = self._client.post_json("/cityservice/face/identify/queryverifyinfo", body)
        except WeChatClientException as error:
            return _refused(error)
        return _outcome(found)


def _refused(error: WeChatClientException) -> CertifyOutcome:
    code = refusal_code(error)
    if code in (BUSY, MINUTE_LIMIT, DAY_LIMIT):
        raise unavailable(error)
    if code == TICKET_EXPIRED:
        return CertifyOutcome(CertifyState.RETRY, str(code))
    log.error("wechat face query refused: errcode %s", code)
    return CertifyOutcome(CertifyState.FAULT, str(code))


def _outcome(found: dict[str, Any]) -> CertifyOutcome:
    verdict = found.get("verify_ret")
    if isinstance(verdict, str) and re.fullmatch(r"[1-9][0-9]{0,5}", verdict):
        verdict = int(verdict)
    if isinstance(verdict, bool) or not isinstance(verdict, int) or "errcode" not in found:
        raise PlatformUnavailable(PROVIDER, "no_verify_ret", sent=True)
    if verdict == PASSED:
        return CertifyOutcome(CertifyState.PASSED, str(verdict))
    state = STATE_OF.get(verdict, CertifyState.FAULT)
    if state is CertifyState.FAULT:
        log.error("wechat face verification at fault: verify_ret %s", verdict)
    return CertifyOutcome(state, str(verdict))
