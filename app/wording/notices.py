"""Words of the catalogue of notices and its test sends."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "robot_not_configured": (
        "未配置企业微信群机器人，不能试发，请运维人员设置后再试",
        "No group robot is configured, so nothing can be tried; set one up and retry",
    ),
    "mail_not_configured": (
        "未配置邮件服务，不能发送邮件，请运维人员设置后再试",
        "No mail server is configured; set one up and retry",
    ),
    "mail_refused": (
        "邮件没有发出，请核对邮箱地址后再试；多次失败的请运维人员检查邮件配置",
        "The mail server refused the letter; check the address, then the configuration",
    ),
    "mailbox_code_over": (
        "验证码已失效，请重新登记邮箱获取新的验证码",
        "The code no longer holds; enter the address again for a new one",
    ),
    "mailbox_not_proved": (
        "请先在“我的账号”登记并验证测试收件邮箱",
        "Enter and prove a mailbox on the account page first",
    ),
    "robot_refused": (
        "企业微信没有接收这条消息，请稍后再试；多次失败的请运维人员检查机器人配置",
        "The group robot refused the line; retry later, then look at its configuration",
    ),
}
