"""The papers of a transfer as PDFs: parts, fonts, codes, the longest contents, many pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pypdfium2
import pytest

from app.transfers.letters import LETTERS, LetterKind
from app.transfers.papers import (
    LabelLayout,
    catalogue_sheet,
    hand_over_sheet,
    labels_sheet,
    letter_sheet,
    slips_sheet,
)
from providers.printing import TypstPrinter
from tests.app.transfers.paper_samples import (
    CATALOGUE,
    CODE,
    LABEL,
    LETTER,
    LONG_LABEL,
    LONG_LETTER,
    LONG_NAME,
    LONG_SLIP,
    NUMBER,
    SENDER,
    SLIP,
    rows,
)
from tests.pdf_reading import conformance_of, fonts_of, overlapping, pages_of, shows_code, text_of

AT = datetime(2026, 6, 29, 2, 30, tzinfo=UTC)
SLIP_CODE_MM, SCAN_CODE_MM, LABEL_CODE_MM = 26.0, 14.5, 15.0


@pytest.fixture(scope="module")
def printer() -> TypstPrinter:
    return TypstPrinter()


@pytest.fixture(scope="module")
def slip(printer: TypstPrinter) -> bytes:
    return printer.print("transfer_slip", slips_sheet([SLIP], SENDER, AT), AT)


def nothing_beyond(pdf: bytes, margin_mm: float) -> bool:
    """Whether all ink keeps this distance from the paper's edges."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            dark = page.render(scale=150 / 72).to_numpy()[:, :, :3].mean(axis=2) < 128
            edge = int(margin_mm * 150 / 25.4)
            if dark[:edge].any() or dark[-edge:].any() or dark[:, :edge].any() or dark[:, -edge:].any():
                return False
    finally:
        document.close()
    return True


def test_a_slip_has_its_three_parts_once_on_one_page(slip: bytes) -> None:
    [text] = pages_of(slip)
    for part in ("第一联存根", "第二联通知单", "第三联回执", "毕业生档案转递回执"):
        assert text.count(part) == 1, part
    assert text.count("毕业生档案转递通知单") == 2
    assert text.count(f"骑缝号档转{NUMBER}") == 2
    assert text.count(NUMBER) == 5  # each part's own, and the two across the cuts
    for words in (
        "湖北省（420106）",
        "派遣至用人单位",
        "江城市第三人民医院",
        "ZD2026000000012345",
        "机要通信",
        "FJ20260600123",
    ):
        assert words in text, words
    assert text.count(CODE) == 3
    assert "2026年6月29日" in text
    assert "23份118页" in text
    assert conformance_of(slip) == "2U"
    assert all(fonts_of(slip).values())


def test_each_part_shows_just_what_its_reader_needs(slip: bytes) -> None:
    """In reading order: the stub before the notice before the receipt."""
    [text] = pages_of(slip)
    stub, rest = text.split("第二联")
    notice, receipt = rest.split("第三联")
    assert text.count(SLIP.id_number) == 1
    assert SLIP.id_number in notice
    assert "110*************1X" in stub
    assert "110*************1X" in receipt
    assert SLIP.phone not in text
    assert SLIP.receipt_code in notice
    assert SLIP.receipt_code not in stub + receipt


def test_what_is_said_of_the_counting_code_stands_in_one_line(slip: bytes) -> None:
    lines = [line.strip() for line in text_of(slip).splitlines()]
    assert any(line.endswith("口令一次有效，请勿外传") for line in lines)
    assert any(line.startswith("清点口令") and line.endswith(SLIP.receipt_code) for line in lines)


def test_the_slips_codes_read_as_they_should(slip: bytes) -> None:
    assert shows_code(slip, SLIP.receipt_url, SLIP_CODE_MM)
    assert shows_code(slip, NUMBER, SCAN_CODE_MM)
    assert not shows_code(slip, SLIP.receipt_url + "0", SLIP_CODE_MM)


def test_the_longest_contents_stay_in_their_fields(printer: TypstPrinter) -> None:
    pdf = printer.print("transfer_slip", slips_sheet([LONG_SLIP, SLIP], SENDER, AT), AT)
    long, usual = pages_of(pdf)
    assert long.count(LONG_NAME) == 3
    for value in (LONG_SLIP.receiver, LONG_SLIP.receiver_address, LONG_SLIP.employer, LONG_SLIP.transfer_kind):
        assert value in long
    assert long.count("W" * 40) == long.count("8" * 40) == 3
    assert overlapping(pdf) == ""
    assert "第12次打印" in long
    assert "第1次打印" in usual
    for part in ("第一联", "第二联", "第三联"):
        assert long.count(part) == 1


def test_rare_characters_print_and_only_the_slip_that_lacks_one_says_so(printer: TypstPrinter) -> None:
    rare, lacking = replace(SLIP, name="王𠮷㐂䶮"), replace(SLIP, name="李\ue123明")
    pdf = printer.print("transfer_slip", slips_sheet([rare, lacking], SENDER, AT), AT)
    first, second = pages_of(pdf)
    assert first.count("王𠮷㐂䶮") == 3
    assert "U+E123" not in first
    assert second.count("李〓明") == 3
    assert "U+E123" in second
    assert all(fonts_of(pdf).values())


def test_many_characters_that_no_font_has_do_not_keep_a_batch_from_printing(printer: TypstPrinter) -> None:
    names = [f"王{chr(0xE000 + 7 * n)}{chr(0x32000 + n)}" for n in range(12)]
    pdf = printer.print("transfer_slip", slips_sheet([replace(SLIP, name=n) for n in names], SENDER, AT), AT)
    found = pages_of(pdf)
    assert [page.count("王〓〓") for page in found] == [3] * 12
    assert "U+E04D" in found[0]
    assert "U+3200B" in found[0]


def test_without_a_code_the_slip_says_that_it_comes_another_way(printer: TypstPrinter) -> None:
    pdf = printer.print("transfer_slip", slips_sheet([replace(SLIP, receipt_code="")], SENDER, AT), AT)
    assert "清点口令另行告知" in pages_of(pdf)[0]


@pytest.mark.parametrize("layout", list(LabelLayout))
def test_labels_name_the_receiver_in_both_layouts(printer: TypstPrinter, layout: LabelLayout) -> None:
    pdf = printer.print("transfer_labels", labels_sheet([LABEL, LONG_LABEL], SENDER, layout), AT)
    found = pages_of(pdf)
    assert len(found) == (1 if layout is LabelLayout.SHEET else 2)
    text = "".join(found)
    for words in (
        LABEL.receiver,
        LONG_LABEL.receiver,
        LONG_LABEL.address,
        "430010",
        "机要通信",
        "EMS标准快递",
        "档案管理科",
    ):
        assert words.replace(" ", "") in text, words
    assert text.count(NUMBER) == 2
    assert shows_code(pdf, NUMBER, LABEL_CODE_MM)
    assert nothing_beyond(pdf, 1.5)
    assert overlapping(pdf) == ""
    assert all(fonts_of(pdf).values())


def test_used_places_of_a_sheet_are_left_out(printer: TypstPrinter) -> None:
    pdf = printer.print("transfer_labels", labels_sheet([LABEL] * 6, SENDER, LabelLayout.SHEET, skip=3), AT)
    assert [p.count("机要通信") for p in pages_of(pdf)] == [5, 1]


def test_a_long_hand_over_list_repeats_its_head(printer: TypstPrinter) -> None:
    sheet = hand_over_sheet(rows(200), SENDER, "EMS 标准快递", "某速递江城分公司", date(2026, 6, 29), AT)
    found = pages_of(printer.print("transfer_hand_over", sheet, AT))
    assert len(found) > 4
    for n, page in enumerate(found, 1):
        assert page.count("序号姓名转递号密封编号运单号接收单位") == 1
        assert f"第{n}页共{len(found)}页" in page
    text = "".join(found)
    assert [text.count(f"EA{n:09d}CN") for n in range(1, 201)] == [1] * 200
    assert (text.count("欧阳**"), text.count("欧阳文静")) == (200, 0)
    for words in ("本清单共200件", "移交方", "接收方（承运）"):
        assert words in found[-1], words


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 22, 23, 24, 25])
def test_the_signatures_stand_together_with_the_total(printer: TypstPrinter, count: int) -> None:
    sheet = hand_over_sheet(rows(count), SENDER, "EMS 标准快递", "某速递江城分公司", date(2026, 6, 29), AT)
    last = pages_of(printer.print("transfer_hand_over", sheet, AT))[-1]
    assert last.count("经手人（签字）") == 2
    assert f"本清单共{count}件" in last


@pytest.mark.parametrize("kind", list(LetterKind))
@pytest.mark.parametrize("letter", [LETTER, LONG_LETTER], ids=["usual", "longest"])
def test_letters_are_one_page(printer: TypstPrinter, kind: LetterKind, letter: Any) -> None:
    pdf = printer.print("transfer_letter", letter_sheet(replace(letter, kind=kind), SENDER), AT)
    [text] = pages_of(pdf)
    for words in (
        LETTERS[kind].title,
        LETTERS[kind].word,
        LETTERS[kind].closing,
        "2026年6月29日",
        "（盖章）",
        "027-12345678",
    ):
        assert words in text, words
    assert nothing_beyond(pdf, 15)
    assert overlapping(pdf) == ""
    assert all(fonts_of(pdf).values())


def test_the_catalogue_carries_the_manifests_code(printer: TypstPrinter) -> None:
    pdf = printer.print("catalogue", catalogue_sheet(CATALOGUE, [("姓名", SLIP.name)], CODE, SENDER, "装袋"), AT)
    assert CODE in text_of(pdf)
    assert "接收人" in text_of(pdf)
    assert shows_code(pdf, CODE, 24)
