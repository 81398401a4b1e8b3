"""What transfers say when something cannot be done."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "two_persons_required": (
        "此步骤须由两名工作人员共同完成：一人提出，另一人确认",
        "This step takes two persons: one proposes, another confirms",
    ),
    "same_person": (
        "提出人与确认人不能是同一人，请由另一名工作人员确认",
        "Another person than the proposer must confirm",
    ),
    "act_waiting": ("已有一项待他人确认的操作，请先确认或撤回", "An act already waits for a second person"),
    "act_gone": (
        "该操作已被处理或档案状态已变化，请刷新后重试",
        "The act was dealt with or the transfer has moved; reload",
    ),
    "act_not_found": ("没有找到待确认的操作", "There is no such act"),
    "photo_not_found": ("没有密封照片", "There is no photo of the seal"),
    "catalogue_changed": (
        "冻结目录之后档案又有变动，不能密封；请选择“重新整理”，再次冻结目录",
        "The dossier changed after its catalogue was frozen; assemble it again before sealing",
    ),
    "tracking_number_used": (
        "该运单号已用于另一次交寄，请核对后重新录入",
        "This tracking number belongs to another hand-over; check it",
    ),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "other_manifest": (
        "核对码与本次转递的目录不符，请核对回执是否属于这份档案",
        "is not the code of this transfer's catalogue; check whose receipt it is",
    ),
    "hold_too_long": ("保管期限最长为今天起两年", "may lie at most two years ahead"),
    "not_a_picture": ("请上传 JPEG 或 PNG 照片", "takes a JPEG or PNG picture"),
}
