"""Lists of receivers taken in: tried out first, all or nothing, twice the same as once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actors import SYSTEM, Role
from app.errors import Conflict, Forbidden, Invalid, TooLarge
from app.receivers import importing, table
from app.receivers.importing import ImportReport, Outcome
from app.receivers.rules import ReceiverKind
from app.receivers.views import Wanted
from parts import Lantai
from tests.app.receivers.samples import credit_code
from tests.conftest import StaffLogin

HEADINGS = (
    "代码",
    "类型",
    "名称",
    "统一社会信用代码",
    "行政区划代码",
    "办公地址",
    "办公电话",
    "有效期起",
    "有效期止",
    "登记依据",
)


def row(serial: int, **changes: str) -> list[str]:
    values = {
        "代码": f"R-{serial}",
        "类型": "公共就业和人才服务机构",
        "名称": f"示例区第{serial}人才中心",
        "统一社会信用代码": credit_code(serial=serial),
        "行政区划代码": "330106",
        "办公地址": "示例路 1 号",
        "办公电话": "0571-12345678",
        "有效期起": "2024-01-01",
        "有效期止": "",
        "登记依据": "省级名录",
        **changes,
    }
    return [values[h] for h in HEADINGS]


def file_of(*rows: Sequence[str], encoding: str = "utf-8", headings: Sequence[str] = HEADINGS) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([headings, *rows])
    return out.getvalue().encode(encoding)


def opened(data: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(data)


def take_in(lantai: Lantai, data: bytes, **more: object) -> ImportReport:
    return lantai.receiver_import.take_in(SYSTEM, opened(data), **more)  # type: ignore[arg-type]


def outcomes(report: ImportReport) -> list[Outcome]:
    return [r.outcome for r in report.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_list_is_tried_out_and_then_taken_in_in_any_encoding(lantai: Lantai, encoding: str) -> None:
    data = file_of(row(1), row(2, 有效期起="2024/1/1"), encoding=encoding)
    trial = lantai.receiver_import.try_out(SYSTEM, opened(data))
    assert (outcomes(trial), trial.done) == ([Outcome.NEW, Outcome.NEW], False)
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 0
    report = take_in(lantai, data, shown=trial.digest)
    assert (outcomes(report), report.done) == ([Outcome.NEW, Outcome.NEW], True)
    names = [line.facts.name for line in lantai.receivers.search(SYSTEM, Wanted()).lines]
    assert names == ["示例区第1人才中心", "示例区第2人才中心"]
    again = take_in(lantai, data)
    assert outcomes(again) == [Outcome.UNCHANGED, Outcome.UNCHANGED]
    assert all(line.number == 1 for line in lantai.receivers.search(SYSTEM, Wanted()).lines)


def test_changed_facts_become_a_version_from_a_day_on(lantai: Lantai) -> None:
    today = lantai.receivers.today
    take_in(lantai, file_of(row(1), row(2)))
    changed = file_of(row(1, 办公地址="新址路 2 号"), row(2))
    report = take_in(lantai, changed)
    assert outcomes(report) == [Outcome.CHANGED, Outcome.UNCHANGED]
    assert report.rows[0].changed == ("办公地址", "有效期起")
    with lantai.db.transaction() as session:
        before = lantai.receivers.frozen(session, "R-1", today - timedelta(days=1))
        after = lantai.receivers.frozen(session, "R-1", today)
    assert (before.address, after.address, after.facts.valid_from) == ("示例路 1 号", "新址路 2 号", today)
    assert outcomes(take_in(lantai, changed)) == [Outcome.UNCHANGED, Outcome.UNCHANGED]
    since = date(2026, 1, 1)
    take_in(lantai, file_of(row(2, 办公地址="新址路 3 号")), since=since)
    with lantai.db.transaction() as session:
        assert lantai.receivers.frozen(session, "R-2", since).address == "新址路 3 号"
        assert lantai.receivers.frozen(session, "R-2", since - timedelta(days=1)).address == "示例路 1 号"


def test_one_wrong_row_keeps_the_whole_file_out_and_says_why(lantai: Lantai) -> None:
    data = file_of(
        row(1),
        row(2, 统一社会信用代码=credit_code(serial=2)[:-1] + "I"),
        row(3, 类型="个人"),
        row(4, 统一社会信用代码=credit_code("91", serial=4)),
        row(5, 办公电话="13800138000", 有效期起="去年"),
        row(6, 代码="R-1"),
    )
    report = take_in(lantai, data)
    assert not report.done
    told = {r.line: [(f.column, f.code) for f in r.faults] for r in report.rows}
    assert told == {
        2: [("代码", "code_twice")],
        3: [("统一社会信用代码", "credit_code_wrong")],
        4: [("类型", "receiver_kind_unknown")],
        5: [("统一社会信用代码", "credit_code_company"), ("授权或管理权限文件", "authority_missing")],
        6: [("有效期起", "not_a_date")],
        7: [("代码", "code_twice")],
    }
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 0


def test_the_trial_somebody_agreed_to_is_the_import_that_happens(lantai: Lantai) -> None:
    data = file_of(row(1), row(2))
    shown = lantai.receiver_import.try_out(SYSTEM, opened(data)).digest
    with pytest.raises(Conflict, match="receivers_changed"):
        take_in(lantai, file_of(row(1), row(3)), shown=shown)
    take_in(lantai, file_of(row(2)))
    with pytest.raises(Conflict, match="receivers_changed"):
        take_in(lantai, data, shown=shown)
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "空"),
        (file_of(row(1)[:-1], headings=HEADINGS[:-1]), "缺少列：登记依据"),
        (file_of(row(1), headings=[*HEADINGS[:-1], "收件人手机"]), "没有这样的列：收件人手机"),
        (file_of(row(1), headings=[*HEADINGS[:-1], "名称"]), "列重复：名称"),
        (b"\xff\xfe\xff\xff\xff", "编码"),
        (b"\x80\x00\x81\xff", "编码"),
    ],
)
def test_a_file_that_is_no_list_is_refused_as_a_whole(lantai: Lantai, data: bytes, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        lantai.receiver_import.try_out(SYSTEM, opened(data))
    assert words in caught.value.faults[0].detail


def test_too_much_is_refused(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_ROWS", 2)
    with pytest.raises(Invalid) as caught:
        lantai.receiver_import.try_out(SYSTEM, opened(file_of(*(row(n) for n in range(1, 4)))))
    assert "超过 2 行" in caught.value.faults[0].detail
    monkeypatch.setattr(importing, "MAX_BYTES", 100)
    with pytest.raises(TooLarge):
        lantai.receiver_import.try_out(SYSTEM, opened(file_of(row(1))))


def test_only_archivists_take_lists_in(lantai: Lantai, staff_factory: Callable[..., StaffLogin]) -> None:
    for role in (Role.REVIEWER, Role.DISPATCHER, Role.AUDITOR, Role.ADMINISTRATOR):
        actor = staff_factory(role).actor
        for call in (lantai.receiver_import.try_out, lantai.receiver_import.take_in):
            with pytest.raises(Forbidden):
                call(actor, opened(file_of(row(1))))


def test_the_template_has_every_column_and_is_read_back() -> None:
    data = table.template()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.decode("utf-8-sig").strip().split(",") == list(table.COLUMNS)
    assert set(table.NEEDED) <= set(table.COLUMNS)
    assert list(table.read(opened(data))) == []
    assert set(table.KIND_WORDS.values()) == set(ReceiverKind)


CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(st.lists(st.lists(CELLS, max_size=12), max_size=6))
def test_whatever_stands_in_the_cells_gives_rows_or_one_plain_refusal(rows: list[list[str]]) -> None:
    with suppress(Invalid):  # any other failure is none
        assert all((r.facts is None) == bool(r.faults) for r in table.read(opened(file_of(*rows))))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_table_are_refused_and_nothing_breaks(data: bytes) -> None:
    with suppress(Invalid):
        assert list(table.read(opened(data))) == []
