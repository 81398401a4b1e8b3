"""The words of notification choices and contacts."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "preferences_invalid": (
        "通知设置有误，请按提示修改后重试",
        "Some choices are wrong; correct the listed ones and retry",
    ),
    "contact_malformed": (
        "邮箱或手机号格式不正确，请检查后重新填写",
        "The e-mail address or phone number is malformed; check it and write it anew",
    ),
    "contact_not_found": ("未找到该联系方式", "There is no such contact"),
    "contact_kind_closed": (
        "学校暂未开通这种通知方式，请改用其他方式",
        "The school does not send notices this way; use another",
    ),
    "contact_kind_stopped": (
        "这种通知方式暂时无法发送验证码，未作更改；请稍后再添加，或改用其他方式",
        "No code can be sent this way at present, and nothing was changed: add the contact later, or use another way",
    ),
    "contact_code_not_sent": (
        "验证码暂时无法发出，请稍后重新添加",
        "The code could not be sent now; add the contact again later",
    ),
    "contact_code_wrong": ("验证码不正确，请核对后重新输入", "The code is wrong; check it and try again"),
    "contact_code_over": (
        "验证码已失效，请重新添加该联系方式以获取新的验证码",
        "The code is no longer good; add the contact again for a new one",
    ),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "choice_fixed": ("该项不能关闭", "this cannot be switched off"),
    "choice_twice": ("同一项出现两次", "stands twice"),
    "hour_malformed": ("须为 HH:MM 格式的时间", "must be a time as HH:MM"),
    "email_malformed": ("须为邮箱地址，如 name@example.edu.cn", "must be an e-mail address"),
    "phone_malformed": ("须为 11 位大陆手机号", "must be a mainland mobile number of eleven digits"),
}
