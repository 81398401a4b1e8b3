"""Sheets printed by Typst: rare characters, embedded fonts, PDF/A, and what no font has."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import Unavailable
from providers.printing import TypstPrinter
from tests.pdf_reading import conformance_of, fonts_of, text_of

NAMES = "甲乙丙丁"
AT = datetime(2026, 6, 1, tzinfo=UTC)
SHEET: dict[str, Any] = {
    "title": "档案材料目录",
    "office": "兰台大学 学生档案科",
    "facts": [["姓名", "王𠮷㐂"], ["学号", "20220001"]],
    "qr": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><path d="M0 0h2v2h-2z"/></svg>',
    "check": "ABCD-EFGH",
    "note": "",
    "groups": [],
    "total": 0,
    "pages_total": 0,
    "signatures": ["编制人"],
    "footer_left": "打印于 2026-06-01",
    "footer_right": "规则 2026-1",
}


def sheet(*titles: str, **changes: Any) -> dict[str, Any]:
    rows = [
        {"sequence": str(n), "title": t, "year": "2026", "month": "6", "day": "1", "pages": "2", "remark": ""}
        for n, t in enumerate(titles, 1)
    ]
    return {**SHEET, "groups": [{"code": "4-1", "label": "学历学位材料", "rows": rows}] if rows else [], **changes}


@pytest.fixture(scope="module")
def printer() -> TypstPrinter:
    return TypstPrinter()


def test_rare_characters_come_out_as_text_with_every_font_inside(printer: TypstPrinter) -> None:
    pdf = printer.print("catalogue", sheet("成绩单㐂𠮷", "䶮㐱𬭎材料", "Ünïcode Ω"), AT)
    text = text_of(pdf)
    for words in ("档案材料目录", "王𠮷㐂", "成绩单㐂𠮷", "䶮㐱𬭎材料", "Ünïcode Ω", "材料形成时间", "第 1 页"):
        assert words in text
    fonts = fonts_of(pdf)
    assert len(fonts) >= 2  # the second for what the first lacks
    assert all(fonts.values()), fonts
    assert conformance_of(pdf) == "2U"


def test_a_moment_between_two_seconds_prints_too(printer: TypstPrinter) -> None:
    assert printer.print("catalogue", sheet("成绩单"), AT.replace(microsecond=123_456)) == printer.print(
        "catalogue", sheet("成绩单"), AT
    )


def test_a_long_catalogue_repeats_its_head_and_counts_pages(printer: TypstPrinter) -> None:
    text = text_of(printer.print("catalogue", sheet(*["学年鉴定表"] * 90), AT))
    assert text.count("材料名称") == 3
    # sheets come apart, so those that follow say whose they are
    assert text.count(f"{SHEET['title']}（续）") == 2
    assert "第 3 页　共 3 页" in text.replace(" 　", "　")


def test_what_no_font_has_is_marked_and_numbered(printer: TypstPrinter) -> None:
    text = text_of(printer.print("catalogue", sheet("甲\ue123乙", "\U00032000字", title="目录"), AT))
    assert "甲〓乙" in text
    assert "〓字" in text
    assert "U+E123" in text
    assert "U+32000" in text


def test_markup_in_the_data_is_text(printer: TypstPrinter) -> None:
    wild = '#panic("x") $a$ *b* @c <d> \\ "引号" \n换行'
    text = text_of(printer.print("catalogue", sheet(wild), AT))
    assert '#panic("x")' in text
    assert "*b*" in text


def test_the_same_data_give_the_same_bytes_and_nothing_stays_behind(printer: TypstPrinter) -> None:
    first, second = (printer.print("catalogue", sheet("成绩单"), AT) for _ in range(2))
    assert first == second
    with pytest.raises(Unavailable) as refused:
        printer.print("catalogue", {}, AT)  # had the last sheet's data stayed, this would print it
    assert refused.value.code == "printing_unavailable"


def test_many_threads_print_their_own_sheets(printer: TypstPrinter) -> None:
    texts: dict[int, str] = {}

    def work(n: int) -> None:
        texts[n] = text_of_locked(printer.print("catalogue", sheet(f"{NAMES[n]}的材料"), AT))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"{NAMES[n]}的材料" in texts[n] for n in range(4))


_READING = threading.Lock()


def text_of_locked(pdf: bytes) -> str:
    """PDFium is not thread-safe."""
    with _READING:
        return text_of(pdf)
