"""The words of staff's own accounts."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "fresh_factor_required": ("进行此操作前须再次验证身份", "Show passkey or one-time password again to go on"),
    "passkeys_off": ("本系统当前的网址不支持通行密钥，请使用密码和动态口令", "This address offers no passkeys"),
    "passkey_refused": (
        "通行密钥未通过验证，请重试或改用密码和动态口令",
        "The passkey was refused",
    ),
    "passkey_not_found": ("未找到该通行密钥", "The passkey is not found"),
    "passkey_taken": ("该通行密钥已登记", "The passkey is registered already"),
    "too_many_passkeys": ("通行密钥最多登记 10 个，请先移除不用的", "Ten passkeys at most; remove one first"),
    "last_factor": ("这是您最后一种登录方式，不能移除", "This is the last way to sign in and cannot be removed"),
    "link_not_found": (
        "链接无效：可能已使用、已撤销或超过 72 小时，请联系管理员重新签发",
        "The link is unknown, used, withdrawn or expired; ask an administrator for a new one",
    ),
    "link_used": ("该邀请已被使用", "The invitation has been used"),
    "own_replacement": ("不能办理自己的登录方式更换", "Nobody replaces their own authenticator this way"),
    "replacement_open": ("该账号已有待审的更换申请", "A replacement is waiting for this account already"),
    "replacement_not_found": ("未找到待审的更换申请", "No such replacement is waiting"),
    "second_administrator_required": ("须由另一位管理员审核", "Another administrator must agree"),
    "requester_gone": (
        "提出申请的管理员已不在岗，请重新提出",
        "Who asked is no administrator any more; ask anew",
    ),
    "absence_not_found": ("未找到该离岗记录", "The absence is not found"),
    "absence_overlaps": ("该时段已登记离岗", "An absence is recorded for these days already"),
    "stand_in_absent": ("代办人在该时段也离岗，请另选一位", "The stand-in is away on these days; choose another"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "unknown_username": ("没有这个用户名", "is no user name here"),
    "in_the_past": ("不能早于今天", "must not be in the past"),
}
