"""Empty tables to be filled in, with an explanation of every column."""

from __future__ import annotations

import csv
import io

from app.dossiers.views import FileView
from app.errors import NotFound
from app.imports.columns import DAYS, DEGREE_LEVELS, FIELDS, NEEDED
from app.imports.xlsx_table import letters

LABELS = {
    "graduates": "毕业生",
    "courses": "课程成绩",
    "awards": "奖励荣誉",
    "education": "教育经历",
    "evaluations": "综合素质评价",
    "research": "科研与知识产权",
    "materials": "材料目录",
}
_EXPLAINED = {
    "学号": "4 至 24 位字母、数字或连字符；与其他表以学号对应",
    "姓名": "与身份证一致；少数民族姓名用间隔号 ·；生僻字请用标准字符，不用自造字",
    "身份证号": "18 位，末位可为 X；15 位旧号须换成 18 位",
    "手机号": "11 位，仅数字",
    "学历层次": "、".join(DEGREE_LEVELS) + "之一",
    "毕业年份": "四位年份，如 2026",
    "生源地代码": "GB/T 2260 六位代码",
    "类别": "材料类别号，如 4-1、7、10（十大类）",
    "文件": "materials 文件夹中的文件名；没有扫描件时留空",
    "页数": "整数",
}
_DAY = "2026-06-01；也接受 2026/6/1、2026.6.1、20260601、2026年6月1日，只到月的写 2026-06"
_WIDTH = 18
_TEXT_ROWS = 500


def explained(field: str) -> str:
    return _EXPLAINED.get(field, _DAY if field in DAYS else "文字")


def template_file(kind: str, form: str) -> FileView:
    """Raises NotFound('template_kind_unknown') for a table or form there is not."""
    if kind not in FIELDS or form not in ("csv", "xlsx"):
        raise NotFound("template_kind_unknown")
    data = _csv(kind) if form == "csv" else _xlsx(kind)
    media = "text/csv" if form == "csv" else "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return FileView(f"{kind}.{form}", media, data)


def _csv(kind: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(FIELDS[kind])
    return out.getvalue().encode("utf-8-sig")


def _xlsx(kind: str) -> bytes:
    """The first sheet to be filled in, its cells text, so that no spreadsheet shortens a number; then 填写说明."""
    from openpyxl import Workbook  # noqa: PLC0415 - 25 MB in every web process, for what is seldom asked for
    from openpyxl.styles import Font  # noqa: PLC0415

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = LABELS[kind]
    sheet.append([*FIELDS[kind]])
    sheet.freeze_panes = "A2"
    for number, column in enumerate(sheet.iter_cols(min_row=1, max_row=_TEXT_ROWS, max_col=len(FIELDS[kind]))):
        sheet.column_dimensions[letters(number)].width = _WIDTH
        column[0].font = Font(bold=column[0].value in NEEDED[kind])
        for cell in column:
            cell.number_format = "@"
    guide = book.create_sheet("填写说明")
    guide.append(["列名", "是否必填", "说明"])
    for field in FIELDS[kind]:
        guide.append([field, "必填" if field in NEEDED[kind] else "选填", explained(field)])
    for letter, width in (("A", 16), ("B", 10), ("C", 70)):
        guide.column_dimensions[letter].width = width
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
