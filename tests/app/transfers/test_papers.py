"""What stands on a transfer's papers: masks, numbers, words. Nothing is printed here."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.transfers import rules
from app.transfers.letters import FIELDS, LETTERS, LetterKind
from app.transfers.papers import (
    LABELS_A_SHEET,
    LabelLayout,
    LetterData,
    LetterIncomplete,
    Sender,
    amount_words,
    catalogue_sheet,
    hand_over_sheet,
    labels_sheet,
    letter_number,
    letter_sheet,
    origin_words,
    slips_sheet,
)
from app.transfers.proving import checked
from app.transfers.rules import Evidence
from app.transfers.states import Channel, State
from tests.app.transfers.paper_samples import CATALOGUE, LABEL, LETTER, NUMBER, SENDER, SLIP, rows

AT = datetime(2026, 6, 29, 10, 30, tzinfo=UTC)


def test_only_the_notice_has_the_whole_id_number_and_nothing_the_phone() -> None:
    [slip] = slips_sheet([SLIP], SENDER, AT)["slips"]
    assert slip["id_full"] == SLIP.id_number
    assert slip["id_masked"] == "110*************1X"
    assert [k for k, v in slip.items() if SLIP.id_number in str(v)] == ["id_full"]
    assert slip["phone"] == "138****5678"
    assert SLIP.phone not in json.dumps(slip)


def test_the_code_that_opens_the_counting_page_is_in_no_code_to_scan() -> None:
    with_code = slips_sheet([SLIP], SENDER, AT)["slips"][0]
    without = slips_sheet([replace(SLIP, receipt_code="")], SENDER, AT)["slips"][0]
    assert {k for k in with_code if with_code[k] != without[k]} == {"receipt_code"}


def test_a_second_printing_says_so() -> None:
    first, second = slips_sheet([SLIP, replace(SLIP, copy=2)], SENDER, AT)["slips"]
    assert (first["copy"], first["again"]) == ("第 1 次打印", False)
    assert (second["copy"], second["again"]) == ("第 2 次打印", True)


def test_what_is_not_known_is_a_dash() -> None:
    bare = replace(SLIP, employer="", destination_code="", seal_number="", origin="")
    [slip] = slips_sheet([bare], SENDER, AT)["slips"]
    assert [slip[k] for k in ("employer", "code", "seal", "origin")] == ["—"] * 4


def test_personal_data_stay_out_of_what_is_logged() -> None:
    said = f"{SLIP!r} {LETTER!r} {rows(1)[0]!r} {CATALOGUE[0]!r}"
    for secret in (
        SLIP.name,
        SLIP.id_number,
        SLIP.phone,
        SLIP.receipt_code,
        SLIP.seal_number,
        "成绩单",
        "EA000000014CN",
    ):
        assert secret not in said


# --- the other papers -------------------------------------------------------------------------------------------------


def test_labels_name_nobody_and_show_a_postal_code_only_if_it_is_one() -> None:
    sheet = labels_sheet([LABEL, replace(LABEL, postal_code="4300")], SENDER, LabelLayout.SHEET, skip=3)
    assert sheet["skip"] == 3
    assert [len(x["postal_code"]) for x in sheet["labels"]] == [6, 0]
    assert labels_sheet([LABEL], SENDER, LabelLayout.SINGLE, skip=3)["skip"] == 0
    assert labels_sheet([LABEL], SENDER, LabelLayout.SHEET, skip=LABELS_A_SHEET)["skip"] == 0


def test_a_hand_over_list_masks_names_and_counts() -> None:
    sheet = hand_over_sheet(rows(12), SENDER, "EMS 标准快递", "某速递", date(2026, 6, 29), AT)
    assert sheet["total"] == "本清单共 12 件，涉及接收单位 2 个。"
    assert sheet["rows"][0][:2] == ["1", "欧阳**"]
    assert "欧阳文静" not in json.dumps(sheet, ensure_ascii=False)


@pytest.mark.parametrize("kind", list(LetterKind))
def test_every_letter_is_filled_and_says_what_it_lacks(kind: LetterKind) -> None:
    sheet = letter_sheet(replace(LETTER, kind=kind), SENDER)
    said = json.dumps(sheet, ensure_ascii=False)
    assert "{" not in "".join([sheet["to"], *sheet["paragraphs"], sheet["closing"]])
    assert "。。" not in said
    for name in LETTERS[kind].needs:
        assert LETTER.fields[name].rstrip("。") in said, name
        with pytest.raises(LetterIncomplete) as refused:
            letter_sheet(replace(LETTER, kind=kind, fields={**LETTER.fields, name: " "}), SENDER)
        assert refused.value.missing == (FIELDS[name],)


def test_a_letter_needs_whatever_its_paragraphs_name() -> None:
    for kind, form in LETTERS.items():
        used = {f for p in (*form.paragraphs, form.to, form.closing) for _, f, _, _ in string.Formatter().parse(p) if f}
        assert used - {"carrier", "sender", "phone"} <= form.needs, kind


def test_the_carrier_is_not_told_whose_dossier_it_lost() -> None:
    sheet = letter_sheet(replace(LETTER, kind=LetterKind.TRACE), SENDER)
    assert LETTER.fields["name"] not in json.dumps(sheet, ensure_ascii=False)


def test_a_letters_number_can_be_typed_as_the_evidence_of_a_step() -> None:
    trace = letter_number(LetterKind.TRACE, NUMBER, 2)
    assert trace == "ZD2026000123-CX2"
    edge = rules.edge(State.LOST_SUSPECTED, State.TRACING)
    assert edge is not None
    assert checked(edge, {Evidence.LETTER_NUMBER: trace}, Channel.EMS) == {Evidence.LETTER_NUMBER: trace}
    assert len({f.word for f in LETTERS.values()}) == len(LETTERS)


def test_braces_in_a_value_stay_text() -> None:
    letter = LetterData(
        LetterKind.RETURNED, NUMBER, 1, date(2026, 6, 29), "", {**LETTER.fields, "reason": "{name}%s"}, ()
    )
    assert "{name}%s" in letter_sheet(letter, SENDER)["paragraphs"][0]


def test_the_catalogue_groups_and_adds_up() -> None:
    sheet = catalogue_sheet(CATALOGUE, [("姓名", "欧阳文静")], "K7Q2-M4XA", SENDER, "")
    assert [(g["code"], len(g["rows"])) for g in sheet["groups"]] == [("4-1", 2), ("7", 1)]
    assert (sheet["total"], sheet["pages_total"], sheet["check"]) == (3, 4, "K7Q2-M4XA")
    first, _ = sheet["groups"][0]["rows"]
    assert [first[k] for k in ("year", "month", "day", "pages")] == ["2026", "6", "1", "2"]
    [award] = sheet["groups"][1]["rows"]
    assert [award[k] for k in ("year", "month", "pages")] == ["不详", "", ""]


def test_words() -> None:
    assert origin_words("420106") == "湖北省（420106）"
    assert [origin_words(w) for w in ("999999", "湖北", "")] == ["999999", "湖北", "—"]
    assert [amount_words(3, 8), amount_words(3, 0), amount_words(0, 0)] == ["3 份 8 页", "3 份", "见材料目录"]
    assert labels_sheet([LABEL], Sender("某校"), LabelLayout.SINGLE)["sender"] == ["某校"]
