"""Which line is the header, and which of its columns is which field: by exact name, by synonym, or as the user says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from app.csv_table import RawRow, bare
from app.errors import FieldFault, Invalid
from app.imports.columns import FIELDS, GRADUATE_TABLE, NEEDED
from app.imports.rules import HEADER_ROWS

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "学号": ("学生学号", "XH"),
    "姓名": ("学生姓名", "毕业生姓名", "中文姓名", "XM"),
    "身份证号": (
        "身份证号码",
        "证件号码",
        "身份证件号",
        "身份证件号码",
        "证件号",
        "公民身份号码",
        "居民身份证号",
        "SFZH",
    ),
    "学院": ("院系", "院系名称", "学院名称", "所在学院", "系所", "院(系)", "所属学院"),
    "专业": ("专业名称", "所学专业", "毕业专业"),
    "学历层次": ("学历", "培养层次", "层次", "学历类别"),
    "毕业年份": ("毕业届别", "届别", "毕业届", "毕业年度", "年届"),
    "手机号": ("手机号码", "手机", "联系电话", "移动电话", "联系方式"),
    "性别": ("XB",),
    "出生日期": ("出生年月日", "生日", "CSRQ"),
    "民族": ("民族名称",),
    "生源地代码": ("生源地编码", "生源所在地代码"),
    "政治面貌": ("政治面貌名称",),
    "班级": ("班级名称", "行政班", "所在班级"),
    "入学日期": ("入学时间", "入校日期"),
    "毕业日期": ("毕业时间", "离校日期"),
    "学制": ("修业年限",),
    "转递编号": ("档案转递编号", "去向登记转递编号"),
    "课程名称": ("课程", "课程名"),
    "学期": ("开课学期", "学年学期"),
    "学分": ("课程学分",),
    "成绩": ("总评成绩", "最终成绩", "分数"),
    "奖项名称": ("获奖名称", "奖励名称", "荣誉名称"),
    "级别": ("获奖级别", "奖励级别"),
    "授予单位": ("颁奖单位", "颁发单位"),
    "日期": ("获奖日期", "发表日期", "时间"),
    "类别": ("材料类别", "类号"),
    "题名": ("材料题名", "材料名称"),
    "形成日期": ("材料形成日期", "形成时间"),
    "文件": ("文件名", "扫描件"),
}


def _known(sheet: str) -> dict[str, str]:
    fields = FIELDS[sheet]
    known = {bare(other): name for name in fields for other in SYNONYMS.get(name, ())}
    return known | {name: name for name in fields}


@dataclass(frozen=True, slots=True)
class Layout:
    """``places`` are field -> column position; ``headers`` stand as in the file; ``line`` is the header's."""

    sheet: str
    line: int
    headers: Sequence[str]
    places: Mapping[str, int]
    doubled: Sequence[str] = ()

    @property
    def missing(self) -> list[str]:
        return [name for name in NEEDED[self.sheet] if name not in self.places]

    def require(self) -> None:
        """Raises Invalid naming the columns that are missing or stand twice."""
        faults = [FieldFault(f"/{self.sheet}/{c}", "missing", f"缺少列：{c}") for c in self.missing]
        faults += [
            FieldFault(f"/{self.sheet}/{c}", "duplicate_column", f"有两列都是“{c}”，请删去一列或指定对应关系")
            for c in self.doubled
        ]
        if faults:
            raise Invalid("invalid_input", faults=faults)


def laid_out(sheet: str, headers: Sequence[str], line: int, mapping: Mapping[str, str]) -> Layout:
    """``mapping`` (header -> field, '' to leave a column out) goes before the names."""
    known, chosen = _known(sheet), {bare(k): v for k, v in mapping.items()}
    # what is said of columns that are not here says nothing
    said = {chosen[bare(h)] for h in headers if bare(h) in chosen}
    places: dict[str, int] = {}
    doubled: list[str] = []
    exact = {bare(h) for h in headers}
    for position, header in enumerate(headers):
        name = bare(header)
        field = chosen[name] if name in chosen else known.get(name, "")
        if not field or (name not in chosen and field in said):
            continue
        if field not in FIELDS[sheet]:
            continue
        if name != field and name not in chosen and field in exact:
            continue  # a synonym beside the field's own name is another column
        if field in places:
            doubled.append(field)
            continue
        places[field] = position
    return Layout(sheet, line, tuple(headers), places, tuple(dict.fromkeys(doubled)))


def find_header(rows: Iterator[RawRow], sheet: str, mapping: Mapping[str, str]) -> tuple[Layout, Iterator[RawRow]]:
    """The line among the first that names most fields, and the rows behind it. Raises Invalid for an empty table."""
    first: list[RawRow] = []
    best: tuple[int, int] = (-1, 0)
    for row in rows:
        first.append(row)
        found = len(laid_out(sheet, row[1], row[0], mapping).places)
        if found > best[0]:
            best = (found, len(first) - 1)
        if len(first) >= HEADER_ROWS or found >= len(NEEDED[sheet]):
            break
    if not first:
        words = "没有毕业生数据" if sheet == GRADUATE_TABLE else "没有数据"
        raise Invalid("invalid_input", faults=[FieldFault(f"/{sheet}", "required", words)])
    line, cells, _ = first[best[1]]
    return laid_out(sheet, cells, line, mapping), chain(first[best[1] + 1 :], rows)
