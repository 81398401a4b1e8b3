"""What each platform's refusal of a message means, in one place: code -> fault. notifications.fault_actions says what
then happens.

Sources: WeChat's page of subscribeMessage.send and its list of global return codes; Alipay's page of
alipay.open.app.mini.templatemessage.send and its public error codes; WeCom's page of the group robot (99110). A code
that is not listed was a refusal all the same, so nothing arrived: somebody has to look at it.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.ports import SendFault

TOKEN_TROUBLE = frozenset({40001, 40014, 42001})

WECHAT: Mapping[int, SendFault] = {
    -1: SendFault.RETRY,  # busy
    40003: SendFault.RECIPIENT,  # no such open id
    40037: SendFault.CONFIG,  # no such template
    41030: SendFault.CONFIG,  # the page is not in the released version
    43101: SendFault.NO_CREDIT,  # not subscribed, refused, or the one-shot credit is used up
    43107: SendFault.CONFIG,  # the ability or the template is banned
    43108: SendFault.RETRY,  # another message to this person is under way
    45009: SendFault.LATER,  # the day's limit
    45011: SendFault.RETRY,  # the minute's limit
    45168: SendFault.CONTENT,  # a sensitive word
    47003: SendFault.CONTENT,  # a value breaks its rule
    **dict.fromkeys(TOKEN_TROUBLE, SendFault.RETRY),
}
ALIPAY_SUB_CODES: Mapping[str, SendFault] = {
    "USER_TEMPLATE_ILLEGAL": SendFault.CONFIG,
    "USER_TEMPLATE_LACK_KEYWORD": SendFault.CONTENT,
    "USER_KEYWORD_LENGTH_ERROR": SendFault.CONTENT,
    "FORM_ID_OVER_TIME": SendFault.NO_CREDIT,
    "FORM_ID_NOT_MATCH_APPID": SendFault.CONFIG,
    "TRADE_NO_NOT_MATCH_USERID": SendFault.RECIPIENT,
}
ALIPAY_BUSINESS = "40004"
ALIPAY_CODES: Mapping[str, SendFault] = {
    "20000": SendFault.RETRY,  # busy
    "40005": SendFault.RETRY,  # called too often; Alipay does not say within what time
    # any other 40004: final, and most likely "not subscribed", whose sub_code no source tells
    ALIPAY_BUSINESS: SendFault.NO_CREDIT,
}
WECOM: Mapping[int, SendFault] = {-1: SendFault.RETRY, 45009: SendFault.LATER, 93000: SendFault.CONFIG}


def of_wechat(code: int) -> SendFault:
    return WECHAT.get(code, SendFault.CONFIG)


def of_alipay(code: str, sub_code: str) -> SendFault:
    return ALIPAY_SUB_CODES.get(sub_code) or ALIPAY_CODES.get(code, SendFault.CONFIG)


def of_wecom(code: int) -> SendFault:
    return WECOM.get(code, SendFault.CONFIG)
