"""How the console says the steps of an import, what a row came to, and how a file is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.imports.columns import DEGREE_LEVELS, FIELDS, NEEDED
from app.imports.rules import BatchSource, BatchState, RowOutcome


@dataclass(frozen=True, slots=True)
class Words:
    """``doing`` heads the progress of a state that is under way."""

    label: str
    tone: str
    mark: str
    doing: str = ""


BATCH_STATES: Mapping[BatchState, Words] = {
    BatchState.UPLOADED: Words("待核对", "wait", "○"),
    BatchState.CHECKING: Words("预检中", "work", "◐", "正在预检"),
    BatchState.CHECKED: Words("已预检，待导入", "wait", "◑"),
    BatchState.IMPORTING: Words("导入中", "work", "◐", "正在导入"),
    BatchState.DONE: Words("已完成", "done", "✓"),
    BatchState.FAILED: Words("文件不能用", "open", "▲"),
    BatchState.CANCELLED: Words("已取消", "shut", "✕"),
    BatchState.UNDOING: Words("撤销中", "work", "◐", "正在撤销"),
    BatchState.UNDONE: Words("已撤销", "shut", "↩"),
}
RECEIVING = Words("上传中", "work", "◐", "正在上传")
OUTCOMES: Mapping[RowOutcome, Words] = {
    RowOutcome.FILED: Words("已归档", "done", "✓"),
    RowOutcome.REFUSED: Words("未通过", "open", "▲"),
    RowOutcome.SKIPPED: Words("已存在", "shut", "＝"),
}
# before anything is written, a row that would be filed is only told to be fit
FORECAST: Mapping[RowOutcome, Words] = {**OUTCOMES, RowOutcome.FILED: Words("可导入", "work", "✓")}
BATCH_SOURCES: Mapping[BatchSource, str] = {
    BatchSource.CONSOLE: "管理台上传",
    BatchSource.COMMAND: "命令行",
    BatchSource.PARTNER: "接入系统推送",
}
SHEETS: Mapping[str, str] = {
    "graduates": "毕业生",
    "courses": "课程成绩",
    "awards": "奖励荣誉",
    "education": "教育经历",
    "evaluations": "综合素质评价",
    "research": "科研与知识产权",
    "materials": "材料目录",
}
GUIDE: Sequence[str] = (
    "表头在前 20 行之内即可；列名与模板不同也可以，上传后逐列核对。",
    "编码用 UTF-8、GB18030 或 UTF-16 均可；Excel 请存为 .xlsx（不带宏、不加密）。",
    "学号、身份证号、手机号列请设为“文本”，否则表格软件会改写长数字。",
    f"学历层次填：{'、'.join(DEGREE_LEVELS)}。日期可写 2026-06-30、2026/6/30、2026年6月30日、20260630 等。",
    "身份证号须为 18 位；单元格不要用公式，不要合并。",
    "压缩包（ZIP）内放 graduates.csv 或 graduates.xlsx，可附其他各表；照片放 photos/学号.jpg，材料扫描件放 materials/，"
    "文件名写在材料目录表的“文件”列。",
    "同一毕业生的任何一处有误，该生整行不导入，其余照常。",
)


@dataclass(frozen=True, slots=True)
class TableGuide:
    name: str
    label: str
    columns: Sequence[str]
    required: Sequence[str]


TABLES: Sequence[TableGuide] = tuple(
    TableGuide(name, SHEETS[name], columns, NEEDED[name]) for name, columns in FIELDS.items()
)
IMPORT_VOCABULARY: Mapping[str, Any] = {
    "BATCH_STATES": {**BATCH_STATES, BatchState.RECEIVING: RECEIVING},
    "BATCH_SOURCES": BATCH_SOURCES,
    "SHEETS": SHEETS,
}
