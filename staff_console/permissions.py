"""Who may do what, as data: one line per kind of work, held to the routes by tests/staff_console/test_permissions.py.

A pattern is a method (or ``*``) and the beginning of a route; the longest that fits a route is its line. ``$`` ends an
exact one. docs/permissions.md is this table on paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from flask import Blueprint, Response

from app.actors import Role
from app.corrections.report_rules import READERS as WORKLOAD
from app.governance.rules import READERS as GOVERNANCE
from app.statistics.service import READERS as STATISTICS
from notifications.trials import TRIERS
from staff_console.gate import DESK, MOVERS, READERS, desk
from staff_console.render import page
from staff_console.words import ROLE_LABELS

EVERYBODY = tuple(Role)
_GRADUATE = "/console/graduates/<uuid:graduate_id>"
_REVIEW = "/console/governance/reviews/<uuid:campaign_id>"


@dataclass(frozen=True, slots=True)
class Permission:
    area: str
    deed: str
    roles: tuple[Role, ...]
    routes: tuple[str, ...]


PERMISSIONS: Sequence[Permission] = (
    Permission("办理", "查看和办理更正申请", DESK, ("* /console/tickets",)),
    Permission("办理", "查看办理用语", DESK, ("GET /console/macros",)),
    Permission("办理", "维护办理用语", (Role.REVIEWER,), ("POST /console/macros",)),
    Permission("办理", "查看按学院的经办安排", (*DESK, Role.ADMINISTRATOR), ("GET /console/tickets/teams",)),
    Permission("办理", "安排各学院的经办人", (Role.REVIEWER, Role.ADMINISTRATOR), ("POST /console/tickets/teams",)),
    Permission("办理", "查看办理情况和满意度", WORKLOAD, ("GET /console/workload",)),
    Permission("办理", "审核补充材料", DESK, ("* /console/supplements",)),
    Permission("办理", "查看和答复在线咨询", READERS, ("* /console/chats",)),
    Permission(
        "办理",
        "群发通知：编写、试算、启动、暂停和查看结果（人数较多时一人提交，另一人启动）",
        DESK,
        ("* /console/campaigns",),
    ),
    Permission(
        "办理",
        "建立档案转递，登记改寄的去向，查看进行中的转递",
        MOVERS,
        (
            "GET /console/transfers",
            f"POST {_GRADUATE}/transfers$",
            f"POST {_GRADUATE}/transfers/<uuid:transfer_id>/destination",
            f"POST {_GRADUATE}/transfers/<uuid:transfer_id>/hold/ask",
        ),
    ),
    Permission("办理", "批量密封（一人提出，另一人确认）", READERS, ("* /console/sealing",)),
    Permission("办理", "批量交寄", MOVERS, ("* /console/dispatch",)),
    Permission(
        "办理",
        "办理转递的各个步骤（各步骤另有规定的办理人）",
        READERS,
        (f"* {_GRADUATE}/transfers/<uuid:transfer_id>",),
    ),
    Permission("办理", "查看纸质档案的位置、移动和借阅", READERS, ("GET /console/custody",)),
    Permission("办理", "登记和停用存放位置", (Role.ARCHIVIST,), ("POST /console/custody/places",)),
    Permission(
        "办理",
        "扫码上架和清点，登记借阅、续借和归还",
        MOVERS,
        (
            "* /console/custody/shelving",
            "* /console/custody/returns",
            "POST /console/custody/loans",
            "POST /console/custody/stock-takes",
            f"POST {_GRADUATE}/paper",
        ),
    ),
    Permission(
        "办理",
        "批准或不批准他人登记的、带出档案馆的借阅",
        READERS,
        (
            "POST /console/custody/loans/<uuid:loan_id>/approve",
            "POST /console/custody/loans/<uuid:loan_id>/refuse",
        ),
    ),
    Permission("办理", "查看接收单位名录和转递方式规则", READERS, ("GET /console/receivers",)),
    Permission(
        "办理",
        "登记、变更和导入接收单位",
        (Role.ARCHIVIST,),
        (
            "POST /console/receivers",
            "GET /console/receivers/new",
            "* /console/receivers/import",
            "GET /console/receivers/template.csv",
        ),
    ),
    Permission(
        "办理",
        "查询物流轨迹，处理待查看的轨迹",
        MOVERS,
        ("GET /console/transfers/tracking", f"POST {_GRADUATE}/transfers/<uuid:transfer_id>/tracking"),
    ),
    Permission(
        "办理",
        "查看和处理接收单位清点的差异",
        MOVERS,
        ("GET /console/transfers/cases", f"POST {_GRADUATE}/transfers/<uuid:transfer_id>/cases"),
    ),
    Permission(
        "办理",
        "打印转递通知单、标签、交接清单、随档目录和函件",
        MOVERS,
        ("GET /console/transfers/<uuid:transfer_id>", "POST /console/transfers/papers"),
    ),
    Permission(
        "办理",
        "打包、发送和撤回电子档案",
        MOVERS,
        (f"POST {_GRADUATE}/transfers/<uuid:transfer_id>/electronic",),
    ),
    Permission("办理", "查看检测结果", READERS, ("GET /console/checks", f"GET {_GRADUATE}/checks")),
    Permission("办理", "运行检测、登记人工核对", DESK, (f"POST {_GRADUATE}/checks",)),
    Permission(
        "办理",
        "导出送检档案包",
        (Role.ARCHIVIST,),
        (f"GET {_GRADUATE}/checks/<uuid:run_id>/package",),
    ),
    Permission("办理", "柜台核验、签发激活码、办理手机遗失", DESK, (f"* {_GRADUATE}/counter",)),
    Permission("档案", "查找毕业生，查看档案目录和转递状态", READERS, ("* /console/graduates",)),
    Permission(
        "档案",
        "说明目的后查阅档案内容",
        DESK,
        (
            f"GET {_GRADUATE}/dossier/<section>",
            f"* {_GRADUATE}/purpose",
            "GET /console/records",
            "GET /console/materials",
            "GET /console/uploads",
        ),
    ),
    Permission(
        "档案", "归档新材料、更换扫描件", (Role.ARCHIVIST,), (f"* {_GRADUATE}/materials", "POST /console/materials")
    ),
    Permission("档案", "查看发给毕业生的通知", READERS, (f"GET {_GRADUATE}/notices",)),
    Permission("档案", "检索", READERS, ("* /console/retrieval",)),
    Permission("档案", "查看完整性预测", READERS, ("GET /console/completeness",)),
    Permission("档案", "提醒缺件、重算完整性", (Role.ARCHIVIST,), ("POST /console/completeness",)),
    Permission("档案", "批量导入", (Role.ARCHIVIST,), ("* /console/import",)),
    Permission("治理", "查看制度、审查、培训和岗位责任", GOVERNANCE, ("GET /console/governance",)),
    Permission(
        "治理",
        "起草和发布制度、设定计划、开展审查",
        (Role.ARCHIVIST,),
        ("POST /console/governance/rules", "POST /console/governance/targets", "POST /console/governance/reviews"),
    ),
    Permission("治理", "逐份检查审查样本", (Role.REVIEWER,), (f"POST {_REVIEW}/items",)),
    Permission("治理", "处理审查问题、签发审查报告", DESK, (f"POST {_REVIEW}/findings", f"POST {_REVIEW}/sign")),
    Permission(
        "治理",
        "登记培训证书、持证条件和岗位责任",
        (Role.ADMINISTRATOR,),
        ("POST /console/governance/training", "POST /console/governance/duties"),
    ),
    Permission("治理", "检查档案是否完好（不显示内容）", (Role.ARCHIVIST, Role.AUDITOR), ("* /console/fixity",)),
    Permission("治理", "查看人才库统计", STATISTICS, ("GET /console/statistics",)),
    Permission("治理", "生成新一期统计", (Role.ARCHIVIST, Role.ADMINISTRATOR), ("POST /console/statistics",)),
    Permission("治理", "查看调取登记", (Role.AUDITOR,), ("GET /console/retrieval/purposes",)),
    Permission(
        "管理", "邀请、停用工作人员，查看并退出其登录，更换登录方式", (Role.ADMINISTRATOR,), ("* /console/staff",)
    ),
    Permission("管理", "查看接入系统及其密钥", (Role.ADMINISTRATOR, Role.AUDITOR), ("GET /console/partners",)),
    Permission("管理", "停用接入系统，吊销密钥", (Role.ADMINISTRATOR,), ("POST /console/partners",)),
    Permission(
        "管理",
        "查看没有送达的提醒、邮件和短信及其原因（不显示姓名和内容）",
        (Role.ARCHIVIST, Role.ADMINISTRATOR, Role.AUDITOR),
        ("GET /console/undelivered",),
    ),
    Permission(
        "管理",
        "重新发送没有送达的消息，恢复暂停的通道",
        (Role.ARCHIVIST, Role.ADMINISTRATOR),
        ("POST /console/undelivered",),
    ),
    Permission(
        "管理", "查看其他系统的事件订阅和投递记录", (Role.ADMINISTRATOR, Role.AUDITOR), ("GET /console/webhooks",)
    ),
    Permission("管理", "测试、停用事件订阅，重新投递", (Role.ADMINISTRATOR,), ("POST /console/webhooks",)),
    Permission("管理", "查看通知目录和各渠道的样式", EVERYBODY, ("GET /console/notices",)),
    Permission("管理", "试发通知到工作群", TRIERS, ("POST /console/notices",)),
    Permission("管理", "登记本人离岗；管理员可登记他人", EVERYBODY, ("* /console/absences",)),
    Permission(
        "管理",
        "工作台，本人的密码、通行密钥、登录和通知",
        EVERYBODY,
        (
            "GET /console/$",
            "* /console/account",
            "* /console/password",
            "* /console/step-up",
            "POST /console/sign-out",
            "GET /console/permissions",
        ),
    ),
)
PRINCIPLES: Sequence[str] = (
    "任何人不能复核自己提出或同意过的更正。按自然人计：一个人的两个账号只算一人。",
    "管理员管理账号，不能查阅任何档案。",
    "审计员只查看登记和统计，不办理业务，不查阅档案内容。",
    "更换同事遗失的登录方式须两位管理员先后同意，且都不是本人。",
    "离岗代办不增加代办人的权限。",
)


def permission_for(method: str, rule: str) -> Permission | None:
    """The line of a route: the longest pattern that fits; None when the table forgets it."""
    best: tuple[int, Permission] | None = None
    for line in PERMISSIONS:
        for pattern in line.routes:
            verb, _, path = pattern.partition(" ")
            fits = (
                rule == path[:-1] if path.endswith("$") else rule == path or rule.startswith((f"{path}/", f"{path}."))
            )
            # of two equally long the one that names its method
            weight = 2 * len(path) + (verb != "*")
            if fits and verb in ("*", method) and (best is None or weight > best[0]):
                best = (weight, line)
    return best[1] if best is not None else None


def by_area() -> list[tuple[str, list[Permission]]]:
    return [(area, list(lines)) for area, lines in groupby(PERMISSIONS, key=lambda p: p.area)]


def on_paper() -> Iterator[str]:
    """The lines of docs/permissions.md."""
    yield "# 谁可以做什么"
    yield ""
    yield "由 `staff_console/permissions.py` 生成，测试保证与每一个页面和操作的实际权限一致。"
    yield ""
    yield f"| 范围 | 工作 | {' | '.join(ROLE_LABELS[r] for r in Role)} |"
    yield f"|---|---|{'---|' * len(Role)}"
    for line in PERMISSIONS:
        yield f"| {line.area} | {line.deed} | {' | '.join('是' if r in line.roles else '–' for r in Role)} |"
    yield ""
    yield from (f"* {words}" for words in PRINCIPLES)


def add_permissions(console: Blueprint) -> None:
    @console.get("/permissions")
    @desk()
    def permissions() -> Response:
        return page("permissions.html", areas=by_area(), role_labels=ROLE_LABELS, principles=PRINCIPLES)
