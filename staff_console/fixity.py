"""Fixity: the last rounds, how far the present one has come, and what was found damaged."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.actors import Role
from app.materials.fixity_scope import SCOPE
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

WATCHERS = (Role.ARCHIVIST, Role.AUDITOR)
KIND_LABELS = {
    "data_key": "数据密钥",
    "graduate": "毕业生卡片",
    "dossier": "档案照片",
    "record_version": "电子记录",
    "material_version": "材料",
    "supplement": "补充材料",
    "scan_upload": "上传结果",
    "ticket": "更正申请",
    "ticket_message": "更正往来",
    "evidence": "证明材料",
    "transfer": "转递凭证",
    "check_run": "四性检测报告",
    "check_item": "四性检测意见",
    "import_batch": "导入批次",
    "review_finding": "定期审查",
    "retrieval_purpose": "调取登记",
    "graduate_totp": "毕业生动态口令",
    "staff_member": "工作人员动态口令",
    "chat_message": "在线咨询",
    "webhook_subscription": "事件订阅的签名密钥",
}
PART_LABELS = {
    "file": "文件",
    "preview": "预览图",
    "photo": "照片",
    "key": "密钥",
    "replica:file": "文件的副本",
    "replica:preview": "预览图的副本",
    "replica:photo": "照片的副本",
}


def add_fixity(console: Blueprint) -> None:
    @console.get("/fixity")
    @desk(*WATCHERS)
    def fixity() -> Response:
        actor = current_actor()
        open_only, number = request.args.get("open") == "1", forms.page_number(request.args)
        findings, total = parts().fixity_board.findings(
            actor, open_only=open_only, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        overview = parts().fixity_board.overview(actor)
        return page(
            "fixity.html",
            overview=overview,
            under_way=next((r for r in overview.runs if r.finished_at is None), None),
            staff=parts().people.staff_names([r.started_by for r in overview.runs if r.started_by]),
            findings=findings,
            total=total,
            number=number,
            last=forms.last_page(total),
            open_only=open_only,
            kinds=KIND_LABELS,
            part_labels=PART_LABELS,
            scope=len(SCOPE),
        )

    @console.post("/fixity/run")
    @desk(*WATCHERS)
    def start_fixity() -> Response:
        parts().fixity.start(current_actor())
        return go("/console/fixity", "fixity_started")
