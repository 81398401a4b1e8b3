"""What transfers say when something cannot be done."""

from __future__ import annotations

import re
from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "destination_closed": (
        "本人登记和变更去向已于 {day} 截止；确需办理的，请联系{contact}，由学校代为登记",
        "Destinations could be registered and changed until {day}; the archive office does it for you: {contact}",
    ),
    "destination_settled": (
        "档案已进入办理（{state}），去向不能在此变更；请联系学校档案管理部门",
        "The dossier is being dealt with; its destination can no longer be changed here",
    ),
    "destination_rests": (
        "接收地址刚刚变更，须满 24 小时后才能继续办理，以便本人核实",
        "The address was changed less than a day ago; nothing is done before it has rested",
    ),
    "destination_missing": (
        "改寄的档案还没有新的接收单位，请先选择去向和接收单位",
        "The redirected dossier has no new receiver yet; choose one first",
    ),
    "receiver_not_authorised_now": (
        "接收单位现在不能接收档案（{reason}），请另选接收单位；已整理或密封的，先“重新整理”或由两人“启封重新整理”，再更改去向",
        "The receiver may not receive dossiers today; choose another, opening the seal first where there is one",
    ),
    "channel_not_allowed_now": (
        "按现行规则不能再经原定的方式转递（现在可用：{allowed}），请另选转递方式；"
        "已整理或密封的，先“重新整理”或由两人“启封重新整理”，再更改去向",
        "The rules of today do not allow the channel; choose another, opening the seal first where there is one",
    ),
    "not_kept_at_school": (
        "登记的去向不是“暂缓转递，留校保管”，不能批准暂缓；请先由本人或代为变更去向",
        "The registered destination is not to be kept at school; change the destination first",
    ),
    "kept_at_school": (
        "本人选择暂缓转递、留校保管，不能批准转出；请批准暂缓，或退回修改、变更去向",
        "The graduate wishes the dossier to be kept at school; hold it, send the form back or change the destination",
    ),
    "not_held": ("该档案不在暂缓保管中，请刷新查看", "The dossier is not held at school; reload"),
    "hold_goes_on": ("保管期满前三个月起才能提醒", "Reminders begin three months before the end of the hold"),
    "asked_today": ("今天已提醒过毕业生，请改为电话联系", "The graduate was reminded today already; telephone instead"),
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
    "seal_number_twice": (
        "密封编号 {number} 在本次扫描中出现不止一次，请核对",
        "The same seal number was scanned for two dossiers",
    ),
    "seal_number_differs": (
        "扫描的密封编号与提出人登记的不一致，请两人当面核对封条",
        "The scanned seal number is not the one that was proposed; look at the seal together",
    ),
    "no_seal_waits": (
        "该档案没有待确认的密封，可能尚未提出、已确认或已撤回",
        "No seal of this dossier waits for a second person",
    ),
    "photo_not_found": ("没有密封照片", "There is no photo of the seal"),
    "catalogue_changed": (
        "冻结目录之后档案又有变动，不能密封；请选择“重新整理”，再次冻结目录",
        "The dossier changed after its catalogue was frozen; assemble it again before sealing",
    ),
    "already_scanned": ("该档案已在待交寄清单中，请勿重复扫描", "This dossier already waits in a batch"),
    "already_handed_over": ("该档案已交寄（{state}），请勿重复交寄", "This dossier was handed over already"),
    "not_sealed": ("该档案尚未密封（{state}），不能交寄", "This dossier is not sealed yet"),
    "other_channel": ("该档案应经{channel}转递，请扫入对应方式的批次", "This dossier goes by another channel"),
    "batch_closed": ("该批次已交寄或已放弃，不能再改动", "The batch was handed over or given up"),
    "waybill_list_unusable": ("运单号清单无法使用", "The list of tracking numbers cannot be used"),
    "waybills_changed": (
        "预检之后，清单、批次或档案状态有了变化，没有导入；请重新预检",
        "The list, the batch or a dossier changed since the trial; nothing was kept, try again",
    ),
    "owner_erased": (
        "该毕业生的数据已依法销毁，没有交寄；请档案员核实后取出这份档案",
        "The graduate's data were erased by law; nothing was handed over, an archivist looks into it",
    ),
    "batch_empty": ("批次中没有待交寄的档案，请先扫描", "The batch is empty; scan first"),
    "batch_full": ("一个批次最多 {most} 份，请另建批次", "The batch is full; begin another"),
    "dispatch_batch_not_found": ("没有找到该交寄批次", "There is no such batch"),
    "dispatch_item_not_found": ("批次中没有这一条，可能已移出", "The batch has no such item"),
    "tracking_number_used": (
        "该运单号已用于另一次交寄，请核对后重新录入",
        "This tracking number belongs to another hand-over; check it",
    ),
    "waybill_not_found": (
        "承运方查无此运单号，可能尚未收寄、录入有误，或已过保存期",
        "The carrier does not know this number: not scanned yet, mistyped, or forgotten after a year",
    ),
    "not_tracked": (
        "这次转递没有可查询的物流：尚未交寄，或承运方不提供查询（机要通信、专人），请人工核实",
        "No carrier can be asked about this transfer: not handed over yet, or a channel without queries",
    ),
    "slip_not_open": (
        "通知单或清点口令不正确，或已失效；请核对后重试，或请学校重新出具",
        "The slip or its code is wrong or no longer holds; check it, or ask the school for a new one",
    ),
    "counting_while_sought": (
        "学校登记这份档案为退回、拒收或正在查找；档案如在贵单位，请立即电话联系学校，核实后再登记回执",
        "The school holds this dossier for returned, refused or lost; if it is with you, telephone the school at once",
    ),
    "counting_too_early": (
        "学校尚未登记交寄，暂不能登记回执，请与学校联系",
        "The school has not recorded the hand-over; ask the school",
    ),
    "counted_already": (
        "这份档案的回执已经登记，不必再次提交",
        "The receipt of this dossier is recorded already",
    ),
    "counting_in_dispute": (
        "上次清点的差异正在核实，学校处理后会另发清点口令",
        "The differences of the last count are being cleared up; the school will send a new code",
    ),
    "receipt_in_dispute": (
        "接收单位清点的材料与目录不一致，差异处理完毕之前不能登记回执；请先在下面的“接收清点不一致”中写明处理结果",
        "The receiver's count differs from the catalogue; settle that case before recording a receipt",
    ),
    "case_not_found": ("没有找到这项清点差异", "There is no such case"),
    "case_settled": ("这项差异已处理，请刷新查看", "This case is settled; reload"),
    "papers_too_early": (
        "“{state}”的转递还不能打印随档单据，冻结目录后再打印",
        "Papers are printed once the catalogue is frozen, not while the transfer is: {state}",
    ),
    "channels_mixed": (
        "一份交接清单只能有一种转递方式，请分开选择",
        "A hand-over list holds one channel only; choose again",
    ),
    "letter_not_now": ("“{state}”的转递不出具此函件", "This letter is not written while the transfer is: {state}"),
    "letter_incomplete": (
        "函件缺少内容：{missing}。请先补全转递记录",
        "The letter lacks: {missing}. Complete the transfer's record first",
    ),
}


_OF_THE_CASE = re.compile(r"（[^（）]*\{\w+\}[^（）]*）")


def without_case(words: str) -> str:
    """Words of a reason that is kept by its code alone: what brackets say of the case at hand is left out."""
    return _OF_THE_CASE.sub("", words)


def words_for(code: str) -> str:
    """In Chinese, of a reason kept by its code, for which a dossier was not handed over."""
    return without_case(WORDING.get(code, ("未能交寄，请在该档案的转递页查看", ""))[0])


FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "other_manifest": (
        "核对码与本次转递的目录不符，请核对回执是否属于这份档案",
        "is not the code of this transfer's catalogue; check whose receipt it is",
    ),
    "unknown_transfer": (
        "没有这个转递号，请重新扫描档案袋上的二维码",
        "is no transfer's number; scan the label again",
    ),
    "receiver_not_for_case": (
        "该单位不接收这类去向的档案，请按规定选择",
        "does not receive dossiers of this kind of destination",
    ),
    "channel_not_allowed": ("按规定不能经此方式转递", "is not allowed by the rules"),
    "letter_needed": ("升学须填写招生学校调档函的编号", "needs the number of the admitting school's letter"),
    "in_the_future": ("不能晚于今天", "must not lie ahead"),
    "hold_too_long": (
        "须晚于今天，且自首次暂缓之日起最长两年",
        "must lie ahead, at most two years after the dossier was first held",
    ),
    "hold_used_up": (
        "学校保管已满两年，不能再次暂缓；请登记就业、升学或户籍地去向",
        "cannot be chosen again: the dossier was held for two years",
    ),
    "supplement_not_kept": (
        "补充材料须转往保管档案的单位，不能留校保管；请选择其他去向",
        "cannot be this: what completes a dossier goes where the dossier is",
    ),
    "formula_cell": ("单元格是公式，请改为粘贴值后重新上传", "is a formula; paste its value"),
    "merged_cell": ("单元格是合并的，请拆开后重新上传", "is a merged cell; split it"),
    "error_cell": ("单元格是错误值，请改正后重新上传", "is an error value"),
    "digits_lost": (
        "长数字已被表格软件改写，末尾数字已丢失，请把该列设为“文本”后重新填写",
        "has lost its last digits in the spreadsheet; make the column text and type it again",
    ),
    "transfer_twice_in_list": ("该转递号在清单中出现不止一次", "stands in the list more than once"),
    "tracking_twice_in_list": ("该运单号在清单中出现不止一次", "stands in the list more than once"),
    "tracking_number_missing": ("没有运单号", "has no tracking number"),
    "tracking_number_shape": (
        "应为 13 位：两位字母、九位数字、两位字母（如 EA123456785CN），或 13 位数字",
        "takes 13 characters: two letters, nine digits, two letters, or 13 digits",
    ),
    "tracking_number_check_digit": (
        "校验位不符，可能录错一位，请对照面单",
        "has a wrong check digit; compare it with the label",
    ),
    "not_a_picture": ("请上传 JPEG 或 PNG 照片", "takes a JPEG or PNG picture"),
}
