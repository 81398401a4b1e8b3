"""The words of corrections: what stands against a move, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

# code -> (Chinese, English)
WORDING: Mapping[str, tuple[str, str]] = {
    "not_the_handler": ("只有经办人可以退回本申请", "Only the person who works the ticket can release it"),
    "kind_without_unit": ("该类申请不转形成单位", "This kind does not go to a forming unit"),
    "kind_without_material": ("该类申请不收集材料", "This kind collects no material"),
    "reopen_too_late": ("决定已超过 7 日，不能重新办理", "The decision is older than 7 days and is not reopened"),
    "decision_relied_on": (
        "决定之后档案已有新的变化（新版本、密封或转出），不能重新办理，请另行更正",
        "Something depends on the decision already; correct it by a new ticket",
    ),
    "earlier_decision_stands": (
        "原决定已更正档案（或已归档材料）且仍然有效，不能以“不予更正”办结：如原更正有误，请先在“修改拟更正内容”中改回原值再同意；"
        "如原更正无误，请直接同意，维持现有内容",
        "An earlier decision of this ticket stands in the dossier: edit the values back, or accept it as it is",
    ),
    "appeal_made": ("本申请已申请过一次复核", "This ticket was appealed once already"),
    "appeal_too_late": ("已超过 30 日的复核期限", "The 30 days for an appeal are over"),
    "appeal_needs_others": (
        "您参与过原决定，复核须由未参与的工作人员办理",
        "You took part in the decision; somebody else decides the appeal",
    ),
    "proof_missing": ("同意之前还缺：{proofs}", "A proof this kind needs before it is accepted is missing"),
    "ticket_without_record": ("本申请未涉及具体记录，没有可修改的字段", "This ticket names no record to be changed"),
    "merge_with_itself": ("不能并入自身", "A ticket is not merged into itself"),
    "merge_into_newer": (
        "只能并入更早提交的申请，否则原申请的办理期限会丢失：请打开较新的一件，将其并入较早的一件",
        "A ticket is merged into an older one only, whose deadline goes on",
    ),
    "merge_into_closed": ("只能并入正在办理的申请", "A ticket is merged into an open one only"),
    "merge_loses_material": (
        "本申请已有收集到的材料扫描件，只能并入“材料缺失”类申请，否则材料不会归档",
        "This ticket holds a collected scan and is merged only into one that files it",
    ),
    "collected_not_filed": (
        "已有收集到的材料扫描件，但未能生成归档材料，请重新登记收到的材料后再同意",
        "A scan was collected but no material came of it; collect it again",
    ),
    "collected_unreadable": (
        "收集的材料文件无法读取，请重新上传",
        "The collected file cannot be read; upload it again",
    ),
    "too_much_collected": ("工作人员最多为一件申请上传 {most} 份文件", "The desk adds no more files to this ticket"),
    "no_receipt": (
        "档案标为已转出，但没有接收单位的回执，不能转递补充材料，请先核对转递记录",
        "The dossier counts as handed over but there is no receipt; check the transfer first",
    ),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "reason_not_for_kind": ("该类申请不能使用这个理由", "is not a reason for this kind"),
    "not_for_kind": ("该类申请不填写此项", "is not for this kind"),
}
