"""Turning a template into the console's response: who is signed in, navigation, the last deed's message, headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from flask import Response, make_response, redirect, render_template, request

from app.actors import Role
from app.errors import Unavailable
from app.governance.rules import READERS as GOVERNANCE
from app.governance.rules import Topic
from app.office_time import office_date
from app.statistics.service import READERS as STATISTICS
from app.web import request_id
from auth.guards import csrf_token, current_view, has_fresh_factor
from auth.staff import StaffView
from notifications.webhook_rules import REASONS
from staff_console import gate
from staff_console.assets import asset_url
from staff_console.parts import me, parts
from staff_console.rule_text import render_rule
from staff_console.ticket_extras import EXTRAS
from staff_console.words import VOCABULARY

FLASH_COOKIE = "lantai_console_note"
# the cookie carries a word of this table, so nobody can put a text of their own on the page
FLASHES: Mapping[str, str] = {
    "undone": "已撤销，申请回到刚才的状态。",
    "not_undone": "没有撤销：已超过十秒，或此后又有人办理。现在的状态如下。",
    "draft_saved": "草稿已保存，七天内再打开本申请时仍在。",
    "draft_forgotten": "草稿已清除。",
    "ticket_taken": "已受理，由您办理。",
    "ticket_assigned": "已分派。",
    "ticket_unassigned": "已取消分派，申请回到未分派队列。",
    "ticket_replied": "已答复申请人。",
    "macro_inserted": "已填入常用语，核对后发送。",
    "macro_kept": "常用语已保存，旧版保留可查。",
    "macro_retired": "常用语已停用。",
    "macro_restored": "常用语已恢复使用。",
    "team_set": "学院负责人已更新。",
    "view_saved": "视图已保存。",
    "view_removed": "视图已删除。",
    "ticket_asked": "已请申请人补充，等待回复。",
    "ticket_approved": "已记录您的同意，等待另一位工作人员复核。",
    "ticket_applied": "已同意更正，档案已生成新版本。",
    "ticket_resolved": "已同意并办结。",
    "ticket_released": "已退回待办，可由他人受理。",
    "ticket_noted": "内部备注已保存，申请人看不到。",
    "ticket_edited": "拟更正内容已修改，须重新同意。",
    "ticket_collected": "材料已登记，同意后归档。",
    "ticket_sent_out": "已转形成单位，等待答复。",
    "ticket_unit_answered": "形成单位的答复已登记。",
    "ticket_merged": "已合并，申请人将收到通知。",
    "ticket_reopened": "已重新办理，申请人将收到通知。",
    "ticket_rejected": "已作出不予更正的决定，申请人将收到理由和救济途径。",
    "checks_ran": "检测已完成，结果如下。",
    "check_confirmed": "已登记，重新检测后计入结论。",
    "transfer_opened": "转递已建立。",
    "destination_registered": "新的去向已登记，接收地址满 24 小时后继续办理。",
    "hold_asked": "已再次提醒毕业生登记去向；一两天内没有回音的，请电话联系。",
    "stock_begun": "请逐份扫描该位置上的档案。",
    "stock_finished": "清点已完成，结果如下。",
    "stock_dropped": "清点已放弃，已移位的档案不受影响。",
    "stock_moved": "已移到本处。",
    "receiver_recorded": "已登记，原版本保留可查。",
    "receiver_closed": "已登记停止接收。",
    "receivers_imported": "名录已导入。",
    "tracking_asked": "已查询承运方，轨迹如下。",
    "not_tracking_away": "承运方没有应答，系统会自动再查；轨迹仍是上次的。",
    "tracking_just_asked": "一分钟内刚查过，轨迹如下。",
    "tracking_seen": "已标记为看过；同样的情况不再提示，有新情况会再出现。",
    "case_settled": "差异已处理；请重新打印通知单，由接收单位以新口令再次清点。",
    "transfer_moved": "转递状态已更新，毕业生将收到通知。",
    "loan_requested": "已登记，等待另一名工作人员批准后借出。",
    "loan_lent": "已借出，请按期催还。",
    "loan_approved": "已批准，档案登记为借出。",
    "loan_refused": "已登记为不批准。",
    "loan_withdrawn": "借阅已撤回。",
    "loan_extended": "已续借，应还日期顺延 15 个工作日。",
    "loan_returned": "已归还，请扫码上架。",
    "loan_settled": "缺件已处理完毕。",
    "place_closed": "位置已停用，登记保留可查。",
    "dispatch_begun": "批次已建立，请扫描。",
    "dispatch_scanned": "已记入清单，请扫描下一份。",
    "dispatch_imported": "已按清单记入批次，请核对后交寄。",
    "dispatch_removed": "已移出清单。",
    "dispatch_running": "正在交寄，完成后可打印交接清单。",
    "dispatch_dropped": "批次已放弃，档案仍为已密封。",
    "package_ordered": "已安排打包，完成后自动提交给接收单位。",
    "package_pushed_again": "已安排立即推送同一个电子档案包。",
    "package_withdrawn": "电子档案包已撤回。",
    "act_proposed": "已提出，请另一名工作人员确认。",
    "seals_proposed": "已提出，请另一名工作人员逐份扫描确认。",
    "seals_confirmed": "已密封，可以交寄。",
    "act_dropped": "已撤回，转递状态没有变化。",
    "notice_tried": "已发到工作人员的企业微信群，未发给毕业生。",
    "notice_mailed": "已发到您的测试收件邮箱，未发给毕业生。",
    "mailbox_entered": "验证码已发到该邮箱，请在十分钟内填写。",
    "mailbox_proved": "邮箱已验证，可在“通知目录”试发到这个邮箱。",
    "mailbox_removed": "测试收件邮箱已删除。",
    "not_mail_not_configured": "未配置邮件服务，不能发送邮件。",
    "not_mail_refused": "邮件没有发出，请核对邮箱地址后再试；多次失败的请运维人员检查邮件配置。",
    "not_mailbox_not_proved": "请先在“我的账号”登记并验证测试收件邮箱。",
    "not_rate_limited": "试发过于频繁，请十分钟后再试。",
    "not_robot_not_configured": "未配置企业微信群机器人，不能试发。",
    "not_robot_refused": "企业微信没有接收，请稍后再试；多次失败的请运维人员检查机器人配置。",
    "not_platform_unavailable": "企业微信暂时没有应答，请稍后再试。",
    "partner_disabled": "已停用，下一个请求起即被拒绝。",
    "machine_key_revoked": "已吊销，下一个请求起即被拒绝。",
    "campaign_drafted": "草稿已保存，核对内容和人数后提交。",
    "campaign_changed": "草稿已修改。",
    "campaign_proposed": "已提交，等待启动。",
    "campaign_recalled": "已退回草稿，修改后须重新提交。",
    "campaign_started": "已开始发送，收件人名单已固定。",
    "campaign_paused": "已暂停，尚未发送的不再发送。",
    "campaign_resumed": "已继续，从暂停处接着发送。",
    "campaign_cancelled": "已取消，尚未发送的不再发送；已发送的不能收回。",
    "webhook_passed": "测试已通过，订阅已启用。",
    "webhook_disabled": "已停用，对方可在事件列表中看到。",
    "channel_reopened": "已恢复发送，等待的消息将陆续发出；如再次失败，通道会重新暂停。",
    "undelivered_replayed": "已安排重新发送；仍未送达的会再次列在这里。",
    "undelivered_partly": "已安排重新发送；正在发送、已送达、已取消、账号或地址失效，或提醒已重发的，已跳过。",
    "replay_started": "已开始重新发送，按下按钮以后新出现的不在其中。",
    "replay_joined": "同一范围的重新发送先前已经开始，进度如下；没有重复开始。",
    "replay_stopped": "已停止，其余的没有发送，仍列在“未送达”中。",
    "webhook_replayed": "已安排重新投递，结果见投递记录。",
    **{f"not_webhook_{code}": f"测试没有通过：{why}。" for code, why in REASONS.items()},
    "statistics_published": "新一期统计已生成。",
    "search_saved": "已收藏这次检索。",
    "search_forgotten": "已删除收藏的检索。",
    "target_set": "计划已登记。",
    "rule_saved": "草稿已保存。",
    "rule_published": "新版制度已生效，旧版保留可查。",
    "review_opened": "样本已抽取，审查开始。",
    "item_checked": "检查结果已登记。",
    "finding_moved": "问题状态已更新。",
    "review_signed": "报告已签发并冻结。",
    "review_cancelled": "本次审查已取消。",
    "course_added": "课程已添加。",
    "course_retired": "课程已停开，已有证书保留。",
    "certified": "证书已登记。",
    "certificate_revoked": "证书已撤销。",
    "policy_set": "持证条件已更新，下一次操作起生效。",
    "duty_saved": "岗位责任表已更新。",
    "purpose_opened": "已登记调取目的，三十分钟内有效。",
    "batch_received": "文件已收到，请核对各列后预检。",
    "batch_checking": "预检已开始，不写入任何档案。",
    "batch_started": "导入已开始。",
    "batch_cancelled": "本批已取消。",
    "batch_undoing": "撤销已开始。",
    "scan_replaced": "新版本已归档，原版本保留可查。",
    "supplement_accepted": "补充材料已归档，申请人将收到通知。",
    "supplement_returned": "补充材料已退回，申请人将收到理由。",
    "chat_taken": "已由您答复，自动答复已停止。",
    "chat_replied": "答复已发出，送达情况见下方。",
    "chat_handed_back": "已交回自动答复。",
    "chat_closed": "咨询已结束。",
    "fixity_started": "检查已开始，可在本页查看进度。",
    "password_changed": "密码已修改。",
    "completeness_reminded": "提醒已发出：每项材料 14 天内只提醒一次，已提醒过的不再发送。",
    "completeness_nobody": "没有需要提醒的毕业生：要么材料已齐，要么 14 天内已提醒过。",
    "completeness_queued": "已安排重算，稍后刷新本页查看。",
    "passkey_added": "通行密钥已登记，下次登录可直接使用。",
    "passkey_renamed": "通行密钥已改名。",
    "passkey_removed": "通行密钥已移除，即刻不能再用于登录。",
    "absence_recorded": "离岗已登记，分派时会跳过。",
    "absence_cancelled": "离岗已取消。",
    "invitation_revoked": "邀请已撤销，链接失效。",
    "member_deactivated": "账号已停用，未办结的申请已退回待分派。",
    "replacement_requested": "申请已提出，待另一位管理员审核；本人已收到通知。",
    "replacement_refused": "该申请已了结，原登录方式继续有效。",
    "session_ended": "该登录已退出。",
    "signed_out": "您已退出登录。",
    "all_signed_out": "已在所有设备上退出登录。",
}
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # the way back after an expired session is read from the referrer; addresses hold opaque ids only
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Cookie, HX-Request",
}


@dataclass(frozen=True, slots=True)
class NavItem:
    group: str
    path: str
    label: str
    current: bool


# (group, path, label, roles): a group's heading stands before its first item that this person may open
_NAV: tuple[tuple[str, str, str, tuple[Role, ...]], ...] = (
    ("", "/console/", "工作台", ()),
    ("办理", "/console/tickets", "更正申请", gate.DESK),
    ("办理", "/console/supplements", "补充材料", gate.DESK),
    ("办理", "/console/chats", "在线咨询", gate.READERS),
    ("办理", "/console/campaigns", "群发通知", gate.DESK),
    ("办理", "/console/transfers", "档案转递", gate.MOVERS),
    ("办理", "/console/sealing", "批量密封", gate.READERS),
    ("办理", "/console/dispatch", "批量交寄", gate.MOVERS),
    ("办理", "/console/receivers", "接收单位", gate.READERS),
    ("办理", "/console/custody", "纸质保管", gate.READERS),
    ("办理", "/console/checks", "四性检测", gate.READERS),
    ("档案", "/console/graduates", "毕业生", gate.READERS),
    ("档案", "/console/completeness", "完整性预测", gate.READERS),
    ("档案", "/console/retrieval", "检索", gate.READERS),
    ("档案", "/console/import", "批量导入", (Role.ARCHIVIST,)),
    ("治理", "/console/governance", "治理概览", GOVERNANCE),
    ("治理", "/console/fixity", "长期保存", (Role.ARCHIVIST, Role.AUDITOR)),
    ("治理", "/console/statistics", "人才库统计", STATISTICS),
    ("治理", "/console/retrieval/purposes", "调取登记", (Role.AUDITOR,)),
    ("管理", "/console/absences", "离岗与代办", ()),
    ("管理", "/console/staff", "工作人员", (Role.ADMINISTRATOR,)),
    ("管理", "/console/notices", "通知目录", ()),
    ("管理", "/console/partners", "接入系统", (Role.ADMINISTRATOR, Role.AUDITOR)),
    ("管理", "/console/undelivered", "未送达", (Role.ARCHIVIST, Role.ADMINISTRATOR, Role.AUDITOR)),
    ("管理", "/console/webhooks", "事件订阅", (Role.ADMINISTRATOR, Role.AUDITOR)),
)


def _here(path: str) -> bool:
    if path == "/console/graduates" and request.path.startswith(
        ("/console/records/", "/console/materials/", "/console/uploads/")
    ):
        return True
    if path == "/console/retrieval" and request.path.startswith("/console/retrieval/purposes"):
        return False
    return request.path == path if path == "/console/" else request.path.startswith(path)


def navigation(who: StaffView | None) -> list[tuple[str, list[NavItem]]]:
    """Groups in order, each with the items this person may open."""
    if who is None or who.must_change_password:
        return []
    items = [
        NavItem(group, p, label, _here(p))
        for group, p, label, roles in _NAV
        if not roles or who.roles.intersection(roles)
    ]
    return [(group, list(members)) for group, members in groupby(items, key=lambda item: item.group)]


def wants_fragment() -> bool:
    """True for a part of a page asked for by htmx."""
    return request.headers.get("HX-Request") == "true"


def _reader() -> StaffView | None:
    """Who reads the page; None while the database is away, for the page that says so must not need it."""
    try:
        return me()
    except Unavailable:
        return None


def _context() -> dict[str, object]:
    who = _reader()
    return {
        **VOCABULARY,
        **EXTRAS,
        "me": who,
        "nav": navigation(who),
        "can_find": who is not None and bool(who.roles.intersection(gate.READERS)) and not who.must_change_password,
        "on_desk": who is not None and bool(who.roles.intersection(gate.DESK)),
        "csrf": csrf_token(current_view()) if who is not None else "",
        "asks_for_factor": who is not None and not has_fresh_factor(),
        "passkey_origin": parts().passkeys.origin,
        "asset": asset_url,
        "office_rules": lambda topic: parts().rulebook.at(Topic(topic)),
        "rule_text": render_rule,
        "request_id": request_id(),
        "school": parts().settings.school_name,
        "office": parts().settings.archive_office,
        "today": office_date(parts().clock.now()),
        "sandbox": parts().settings.environment in ("development", "demo"),
    }


def fragment(template: str, status: int = 200, **context: object) -> Response:
    return make_response(render_template(f"console/{template}", **_context(), **context), status)


def page(template: str, status: int = 200, **context: object) -> Response:
    """A whole page; shows the message of the deed before it once."""
    note = request.cookies.get(FLASH_COOKIE, "")
    response = fragment(template, status, flash=FLASHES.get(note, ""), flash_bad=note.startswith("not_"), **context)
    if note:
        response.delete_cookie(FLASH_COOKIE, path="/console")
    return response


def go(path: str, note: str = "") -> Response:
    """303 after a POST, so that a reload does not do it again."""
    response = make_response(redirect(path, 303))
    if note:
        response.set_cookie(
            FLASH_COOKIE, note, max_age=60, path="/console", httponly=True, samesite="Strict", secure=cookies_secure()
        )
    return response


def cookies_secure() -> bool:
    return parts().settings.public_url.startswith("https://")


def protect(response: Response) -> Response:
    """The console's headers; a view that set a stricter one keeps it."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
