"""A transfer's papers with ordinary and with the longest contents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from app.transfers.letters import LetterKind
from app.transfers.papers import CatalogueRow, HandOverRow, LabelData, LetterData, Sender, SlipData

NUMBER = "ZD2026000123"
CODE = "K7Q2-M4XA-9ZTP-B6RD-W3HE"
SENDER = Sender("兰台大学 学校档案馆学生档案科", "江城市江南区学府路 1 号", "430072", "027-12345678")
RECEIVER = "江城市人才服务中心（江城市大学生就业指导服务中心）"
SLIP = SlipData(
    number=NUMBER,
    name="欧阳文静",
    id_number="11010520040315001X",
    phone="13800135678",
    origin="420106",
    transfer_kind="派遣至用人单位",
    employer="江城市第三人民医院",
    receiver=RECEIVER,
    receiver_address="江城市江北区建设大道 100 号人力资源大厦 3 楼",
    destination_code="ZD2026000000012345",
    channel="机要通信",
    seal_number="FJ20260600123",
    on=date(2026, 6, 29),
    materials=23,
    pages=118,
    manifest_code=CODE,
    receipt_url="https://archives.example.edu.cn/receipt?slip=01a2b3c4d5e6f708192a3b4c5d6e7f80",
    receipt_code="H3VN-8TQW-5KJC-P6YA",
)
LONG_NAME = "阿卜杜热合曼·阿卜杜克里木·麦麦提吐尔逊·艾力江·库尔班江·买合木提江·阿不都外力·吐尔洪"
LONG_SLIP = replace(
    SLIP,
    name=LONG_NAME,
    employer="某某" * 60,
    receiver="省市区县" * 29 + "终点中心",
    receiver_address="省市区县" * 49 + "尾号",
    destination_code="W" * 40,
    seal_number="8" * 40,
    transfer_kind="派遣至用人单位（定向培养毕业生回定向单位就业）",
    copy=12,
)
LABEL = LabelData(NUMBER, RECEIVER, SLIP.receiver_address, "档案管理科", "430010", "027-87654321", "机要通信")
LONG_LABEL = LabelData(
    NUMBER,
    LONG_SLIP.receiver,
    LONG_SLIP.receiver_address,
    "档案管理部" * 12,
    "",
    "027-87654321转12345",
    "EMS 标准快递",
)
LETTER = LetterData(
    LetterKind.RECEIPT_OVERDUE,
    NUMBER,
    1,
    date(2026, 6, 29),
    "某速递江城分公司",
    {
        "name": "欧阳文静",
        "receiver": RECEIVER,
        "sent_on": "2026 年 5 月 12 日",
        "channel": "EMS 标准快递",
        "tracking": "EA000000014CN",
        "amount": "23 份 118 页",
        "due_on": "2026 年 6 月 12 日",
        "reason": "收件单位已合并，档案业务转由市人才中心办理。",
        "answered_on": "2026 年 6 月 20 日",
    },
    (("转递号", "ZD2026000123"), ("运单号", "EA000000014CN"), ("密封编号", "FJ20260600123")),
)
LONG_LETTER = replace(
    LETTER,
    fields={
        **LETTER.fields,
        "name": LONG_NAME,
        "receiver": LONG_SLIP.receiver,
        "tracking": "W" * 40,
        "reason": "原因" * 100,
    },
)
CATALOGUE = (
    CatalogueRow("4-1", "学历学位材料", 1, "成绩单", "2026-06-01", 2),
    CatalogueRow("4-1", "学历学位材料", 2, "毕业论文评定书", "2026-06", 2),
    CatalogueRow("7", "表彰奖励材料", 1, "三好学生登记表", "不详", None, "复印件"),
)


def rows(count: int) -> list[HandOverRow]:
    return [
        HandOverRow(f"ZD2026{n:06d}", "欧阳文静", f"FJ{n:010d}", f"EA{n:09d}CN", (RECEIVER, "省人才中心")[n % 2])
        for n in range(1, count + 1)
    ]
