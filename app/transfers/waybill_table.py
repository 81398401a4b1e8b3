"""The list a carrier's counter gives back: which transfer travels under which number. Reading alone, no judging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.csv_table import RawRow, bare
from app.errors import FieldFault, Invalid
from app.transfers.batch_book import MOST

TRANSFER, TRACKING = "转递号", "运单号"
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    TRANSFER: (
        "转递单号",
        "档案转递号",
        "档案袋条码",
        "标签码",
        "标签条码",
        "条码",
        "客户订单号",
        "客户单号",
        "订单号",
    ),
    TRACKING: (
        "快递单号",
        "邮件号",
        "邮件号码",
        "邮件编号",
        "面单号",
        "物流单号",
        "运单编号",
        "快递运单号",
        "详情单号",
    ),
}
HEADER_ROWS = 10
LIST = "list"
"""What faults of the file as a whole point at."""


@dataclass(frozen=True, slots=True)
class WaybillLine:
    """One line as it stands in the file. ``marks`` are codes of what a cell itself is refused for."""

    line: int
    transfer: str
    tracking: str
    marks: Sequence[str] = ()


def read(rows: Iterator[RawRow]) -> list[WaybillLine]:
    """Every line behind the headings. Raises Invalid('waybill_list_unusable') where the headings or all lines are
    missing, a heading stands twice, or there are more lines than a batch takes.
    """
    places = _places(rows)
    found: list[WaybillLine] = []
    for line, cells, marks in rows:
        texts = [cells[at] if at < len(cells) else "" for at in (places[TRANSFER], places[TRACKING])]
        odd = [marks[at] for at in (places[TRANSFER], places[TRACKING]) if at in marks]
        if not any(texts) and not odd:
            continue  # sums and signatures below the list
        found.append(WaybillLine(line, texts[0], texts[1], tuple(dict.fromkeys(odd))))
        if len(found) > MOST:
            raise _unusable(f"超过 {MOST} 行，请分成几个批次")
    if not found:
        raise _unusable("没有数据行")
    return found


def _places(rows: Iterator[RawRow]) -> Mapping[str, int]:
    for count, (_, cells, _) in enumerate(rows, 1):
        headings = [bare(cell) for cell in cells]
        named = {field: _columns(headings, field) for field in (TRANSFER, TRACKING)}
        if all(named.values()):
            for field, at in named.items():
                if len(at) > 1:
                    raise _unusable(f"有 {len(at)} 列都可能是“{field}”，请只留一列，或把列名改为“{field}”")
            return {field: at[0] for field, at in named.items()}
        if count >= HEADER_ROWS:
            break
    raise _unusable(f"没有找到“{TRANSFER}”和“{TRACKING}”两列的表头")


def _columns(headings: Sequence[str], field: str) -> list[int]:
    """Where it stands by its own name, else by another it goes by."""
    own = [at for at, heading in enumerate(headings) if heading == field]
    return own or [at for at, heading in enumerate(headings) if heading in SYNONYMS[field]]


def _unusable(words: str) -> Invalid:
    return Invalid("waybill_list_unusable", faults=[FieldFault(f"/{LIST}", "wrong", words)])
