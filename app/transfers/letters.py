"""The words of the letters that belong to the playbooks of a transfer (2-domain §3): pure tables, filled by papers.py.

Each paragraph is a ``str.format`` text over ``FIELDS``. A letter that lacks one of its ``needs`` is not written: an
empty space in a letter that goes out under the school's seal is worse than no letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class LetterKind(StrEnum):
    RECEIPT_OVERDUE = "receipt_overdue"
    TRACE = "trace"
    RETURNED = "returned"
    REBUILD = "rebuild"


FIELDS: Mapping[str, str] = {
    "name": "姓名",
    "receiver": "接收单位",
    "sent_on": "寄出日期",
    "channel": "转递方式",
    "tracking": "运单号",
    "amount": "材料份数页数",
    "due_on": "应收到回执的日期",
    "reason": "原因",
    "answered_on": "承运单位答复日期",
    "sender": "转寄单位",
    "phone": "联系电话",
}
"""What a paragraph may name, and what it is called when it is missing."""


@dataclass(frozen=True, slots=True)
class LetterForm:
    """``word`` marks the file number; ``to`` is the addressee as a text over FIELDS, ``{carrier}`` added."""

    title: str
    word: str
    to: str
    needs: frozenset[str]
    paragraphs: Sequence[str]
    closing: str
    enclosures: Sequence[str] = ()


_SENT = frozenset({"receiver", "sent_on", "channel"})
_WHOSE = _SENT | {"name"}
LETTERS: Mapping[LetterKind, LetterForm] = {
    LetterKind.RECEIPT_OVERDUE: LetterForm(
        "关于催收档案转递回执的函",
        "CS",
        "{receiver}",
        _WHOSE | {"amount", "due_on"},
        (
            "我校毕业生{name}的档案材料（{amount}）已于{sent_on}以{channel}方式转往贵单位。按档案转递规定，贵单位清点核对后应"
            "将《毕业生档案转递通知单》回执签章退回我校。截至{due_on}，我校尚未收到该回执。",
            "请贵单位核实该档案是否收到。已收到的，请将回执签章后寄回，或扫描通知单上的二维码在线清点确认；数量或内容与"
            "目录不符的，请在回执上注明；尚未收到的，请尽快函告或致电我校，以便向承运单位查询。",
        ),
        "特此函达，请予支持。",
    ),
    LetterKind.TRACE: LetterForm(
        "关于查询档案邮件下落的函",
        "CX",
        "{carrier}",
        _SENT | {"tracking"},
        (
            "我校于{sent_on}以{channel}方式交寄毕业生档案邮件一件，运单号{tracking}，收件单位为{receiver}。现该邮件未能确认妥投，"
            "收件单位亦未出具回执。",
            "该邮件内装人事档案，系不可替代的原始材料。请贵单位查明邮件的全部流转记录、现在位置和签收情况，并书面答复我校；"
            "已签收的，请提供签收日期、签收人和签收凭证；找到邮件的，请勿拆封，按原状妥投或退回；确认遗失的，请出具加盖公章"
            "的遗失证明，写明邮件号码、收寄日期和遗失环节。",
        ),
        "特此函达，请于收到本函后尽快答复。",
    ),
    LetterKind.RETURNED: LetterForm(
        "关于档案退回情况的说明",
        "TH",
        "{name}同学",
        _WHOSE | {"reason"},
        (
            "你的毕业生档案于{sent_on}以{channel}方式转往{receiver}，未被接收，现已退回或正在退回我校。退回原因：{reason}。",
            "档案退回后由我校妥善保管，密封状况由两人核对并登记。请你尽快联系拟接收档案的单位，确认其可以接收后"
            "告知我校；需要改寄的，我校启封登记后请你选择新的去向，审核后重新转递。档案不能由个人自带，请勿自行领取或委托他人代领。",
            "上述情况已记入本次转递的办理记录。如对退回原因有异议，可与我校联系核实。",
        ),
        "特此说明。",
    ),
    LetterKind.REBUILD: LetterForm(
        "关于毕业生档案遗失补建的说明",
        "BJ",
        "{receiver}",
        _WHOSE | {"amount", "tracking", "answered_on"},
        (
            "毕业生{name}的档案（{amount}）于{sent_on}以{channel}方式转往贵单位，运单号{tracking}。该邮件在转递途中遗失，承运单位已于"
            "{answered_on}书面确认。",
            "为保障其合法权益，我校按规定补建该档案：可由形成单位重新出具的材料，由原单位重新出具并签章；我校留有底册或"
            "电子档案的材料，依底册复制，注明“复制件与存档件一致”并加盖公章；无法补建的材料，在目录中逐项注明。"
            "补建的档案另编目录，本说明归入其中。",
            "原档案如有下落，请贵单位勿予拆封并即告我校，由我校核对处理，以免一人两档。",
        ),
        "特此说明。",
        ("承运单位遗失证明（复印件）", "补建档案材料目录"),
    ),
}
