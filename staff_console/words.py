"""How the console says times, deadlines, sizes and steps in Chinese. Times are shown in China's one time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from app.actors import Role
from app.checks.rules import MODE_LABELS, OUTCOME_LABELS, STAGE_LABELS, VERDICT_LABELS
from app.corrections.rules import State
from app.corrections.views import StepView
from app.corrections.words import step_words
from app.dossiers.rules import SECTIONS, DossierState, Section, Source
from app.office_time import OFFICE_TIME
from app.ports import Platform
from auth.links import LinkState

WEEKDAYS = "一二三四五六日"

ROLE_LABELS: Mapping[Role, str] = {
    Role.ARCHIVIST: "档案员",
    Role.REVIEWER: "复核员",
    Role.DISPATCHER: "转递员",
    Role.AUDITOR: "审计员",
    Role.ADMINISTRATOR: "管理员",
}
ROLE_DUTIES: Mapping[Role, str] = {
    Role.ARCHIVIST: "办理更正申请、查阅档案内容、柜台核验、转递、批量导入",
    Role.REVIEWER: "复核更正申请、查阅档案内容、柜台核验",
    Role.DISPATCHER: "查阅档案目录、办理转递",
    Role.AUDITOR: "监督检查，不办理业务",
    Role.ADMINISTRATOR: "管理工作人员账号，不查阅档案",
}
LINK_STATES: Mapping[LinkState, tuple[str, str, str]] = {
    LinkState.OPEN: ("wait", "…", "待使用"),
    LinkState.USED: ("done", "✓", "已使用"),
    LinkState.REVOKED: ("shut", "✕", "已撤销"),
    LinkState.EXPIRED: ("shut", "✕", "已过期"),
}
FACTOR_LABELS: Mapping[str, str] = {
    "passkey": "通行密钥",
    "totp": "密码和动态口令",
    "recovery_code": "密码和恢复码",
}
# what staff are told about their own account; tests/staff_console/test_absences.py keeps it whole
STAFF_NOTICES: Mapping[str, str] = {
    "loan_due_soon": "您借阅或经手借出的纸质档案即将到期，请按期归还，或办理续借。",
    "loan_overdue": "您借阅或经手借出的纸质档案已逾期未还，请立即归还或催还。",
    "stands_in": "您被安排在同事离岗期间代办，见“离岗与代办”。您的权限不因此改变。",
    "replacement_requested": "管理员为您的账号提出了更换登录方式的申请。如非您本人要求，请立即联系另一位管理员。",
    "replacement_approved": "两位管理员已同意更换您的登录方式，一次性链接已签发。如非您本人要求，请立即联系管理员。",
    "replacement_refused": "更换您的登录方式的申请未获同意，原登录方式继续有效。",
    "replacement_done": "您的登录方式已更换，原密码、动态口令、恢复码和通行密钥均已作废。如非本人操作，请联系管理员。",
}
NOTICE_PATHS: Mapping[str, str] = {
    "loan_due_soon": "/console/custody/loans/",
    "loan_overdue": "/console/custody/loans/",
}
"""Where what a notice is about can be looked at; followed by its id."""
ACTOR_LABELS: Mapping[str, str] = {
    "graduate": "毕业生本人",
    "staff": "工作人员",
    "partner": "外部系统",
    "system": "系统",
}
DOSSIER_STATES: Mapping[DossierState, str] = {
    DossierState.OPEN: "可修改",
    DossierState.SEALED: "已密封",
    DossierState.TRANSFERRED: "已转出",
}
SOURCES: Mapping[Source, str] = {
    Source.IMPORT: "批量导入",
    Source.CORRECTION: "更正申请",
    Source.STAFF: "工作人员归档",
}
PLATFORMS: Mapping[Platform, str] = {
    Platform.WECHAT: "微信",
    Platform.ALIPAY: "支付宝",
    Platform.CAMPUS_TERMINAL: "校园自助终端",
}
STATE_TONES: Mapping[State, tuple[str, str]] = {
    State.SUBMITTED: ("open", "○"),
    State.IN_REVIEW: ("work", "◐"),
    State.NEEDS_INFO: ("wait", "…"),
    State.AWAITING_SECOND: ("work", "◑"),
    State.APPLIED: ("done", "✓"),
    State.RESOLVED: ("done", "✓"),
    State.REJECTED: ("shut", "✕"),
    State.WITHDRAWN: ("shut", "↩"),
    State.WITH_UNIT: ("wait", "⇄"),
    State.MERGED: ("shut", "⊕"),
}
# by value: verdicts and outcomes share these tones, and each has its words beside it
CHECK_TONES: Mapping[str, tuple[str, str]] = {
    "passed": ("done", "✓"),
    "passed_with_notes": ("done", "✓"),
    "waiting": ("wait", "…"),
    "failed": ("bad", "✕"),
    "pass": ("done", "✓"),
    "fail": ("bad", "✕"),
    "not_run": ("wait", "?"),
    "not_applicable": ("plain", "–"),
}
MEDIA: Mapping[str, str] = {
    "image/jpeg": "JPEG 图片",
    "image/png": "PNG 图片",
    "image/tiff": "TIFF 图片",
    "application/pdf": "PDF 文件",
    "application/ofd": "OFD 文件",
}


def moment(at: datetime | None) -> str:
    return at.astimezone(OFFICE_TIME).strftime("%Y-%m-%d %H:%M") if at is not None else "—"


def clock_time(at: datetime) -> str:
    return at.astimezone(OFFICE_TIME).strftime("%H:%M")


def machine_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def day(on: date) -> str:
    return f"{on:%Y-%m-%d} 周{WEEKDAYS[on.weekday()]}"


def size(count: int) -> str:
    return f"{count / 1_048_576:.1f} MB" if count >= 1_048_576 else f"{max(1, round(count / 1024))} KB"


def media(media_type: str) -> str:
    return MEDIA.get(media_type, "文件")


def step(view: StepView) -> str:
    return view.words or step_words(view.type, view.state)


def section(value: Section | None) -> str:
    return SECTIONS[value].label if value is not None else "未指定记录"


def roles(held: frozenset[Role]) -> str:
    return "、".join(ROLE_LABELS[r] for r in Role if r in held)


VOCABULARY: Mapping[str, object] = {
    "moment": moment,
    "clock_time": clock_time,
    "machine_time": machine_time,
    "day": day,
    "size": size,
    "media": media,
    "step_words": step,
    "section_label": section,
    "role_words": roles,
    "FACTORS": FACTOR_LABELS,
    "NOTICES": STAFF_NOTICES,
    "NOTICE_PATHS": NOTICE_PATHS,
    "ACTOR_LABELS": ACTOR_LABELS,
    "DOSSIER_STATES": DOSSIER_STATES,
    "SOURCES": SOURCES,
    "PLATFORMS": PLATFORMS,
    "STATE_TONES": STATE_TONES,
    "CHECK_TONES": CHECK_TONES,
    "CHECK_MODES": MODE_LABELS,
    "CHECK_STAGES": STAGE_LABELS,
    "OUTCOMES": OUTCOME_LABELS,
    "VERDICTS": VERDICT_LABELS,
}
