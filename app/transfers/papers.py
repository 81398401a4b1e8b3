"""The papers that go with a transfer, as JSON for the printer's forms. Pure: what is shown where is decided here.

The slip has three parts. The notice goes to the receiver, who must know exactly whose dossier it holds, so the ID
number stands there in full. Stub and receipt come to lie in drawers of this house, where the transfer's number leads to
the person: both are masked. The phone is masked everywhere, labels and hand-over lists name nobody in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from app.people.rules import PROVINCES, mask_id_number, mask_name, mask_phone
from app.qr_codes import qr_drawing
from app.transfers.letters import FIELDS, LETTERS, LetterKind


@dataclass(frozen=True, slots=True)
class Sender:
    """The school's office as it stands on its papers. ``address``, ``postal_code`` and ``phone`` may be empty."""

    name: str
    address: str = ""
    postal_code: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class SlipData:
    """One 转递通知单. ``number`` as app.transfers.showing.transfer_number gives it, which scanners type.

    ``origin``: the six digits of 生源地; ``destination_code``: the 转递编号 of cohorts since 2023. ``receipt_url``
    leads to the receiver's counting page and holds an id only; ``receipt_code`` opens it once and stands beside it as
    text (empty: the slip says that the code comes another way). ``copy`` counts printings from 1.
    """

    number: str
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    origin: str = field(repr=False)
    transfer_kind: str
    employer: str = field(repr=False)
    receiver: str
    receiver_address: str
    destination_code: str = field(repr=False)
    channel: str
    seal_number: str = field(repr=False)
    on: date
    materials: int
    pages: int
    manifest_code: str
    receipt_url: str
    receipt_code: str = field(default="", repr=False)
    copy: int = 1


@dataclass(frozen=True, slots=True)
class LabelData:
    """One envelope's label. It names no graduate: carriers read it."""

    number: str
    receiver: str
    address: str
    department: str
    postal_code: str
    phone: str
    channel: str


class LabelLayout(StrEnum):
    """``SHEET``: A4 with eight of 99.1 × 67.7 mm. ``SINGLE``: a label printer's roll of 100 × 70 mm, one a page."""

    SHEET = "sheet"
    SINGLE = "single"


LABELS_A_SHEET = 8


@dataclass(frozen=True, slots=True)
class HandOverRow:
    """One sealed dossier in a hand-over. ``name`` in full: masked here."""

    number: str
    name: str = field(repr=False)
    seal_number: str = field(repr=False)
    tracking_number: str = field(repr=False)
    receiver: str


@dataclass(frozen=True, slots=True)
class LetterData:
    """``fields`` answers ``letters.FIELDS`` as far as known; ``facts`` stand in a table below the text.

    ``sequence`` counts the letters of this kind about this transfer from 1; printing one again keeps it.
    """

    kind: LetterKind
    number: str
    sequence: int
    on: date
    carrier: str
    fields: Mapping[str, str] = field(repr=False)
    facts: Sequence[tuple[str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """``formed_on`` as it is on file: a year, a month or a day, or nothing."""

    class_code: str
    class_label: str
    sequence: int
    title: str = field(repr=False)
    formed_on: str
    pages: int | None
    remark: str = field(default="", repr=False)


class LetterIncomplete(ValueError):
    """``missing``: what the letter needs and is not known, in words."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        super().__init__("、".join(missing))


# --- the forms' data --------------------------------------------------------------------------------------------------


def slips_sheet(slips: Sequence[SlipData], sender: Sender, printed: datetime) -> dict[str, Any]:
    """For form ``transfer_slip``: one A4 a slip. ``printed`` in the office's time."""
    return {
        "title": "毕业生档案转递通知单",
        "office": sender.name,
        "return_to": _return_to(sender),
        "printed": printed.strftime("%Y-%m-%d %H:%M"),
        "slips": [_slip(s, sender) for s in slips],
    }


def _slip(slip: SlipData, sender: Sender) -> dict[str, Any]:
    return {
        "number": slip.number,
        "copy": f"第 {slip.copy} 次打印",
        "again": slip.copy > 1,
        "name": slip.name,
        "id_full": slip.id_number,
        "id_masked": mask_id_number(slip.id_number),
        "phone": mask_phone(slip.phone),
        "origin": origin_words(slip.origin),
        "kind": slip.transfer_kind,
        "employer": slip.employer or "—",
        "receiver": slip.receiver,
        "address": slip.receiver_address,
        "sender": sender.name,
        "code": slip.destination_code or "—",
        "channel": slip.channel,
        "seal": slip.seal_number or "—",
        "on": chinese_date(slip.on),
        "amount": amount_words(slip.materials, slip.pages),
        "manifest": slip.manifest_code,
        "receipt_qr": qr_drawing(slip.receipt_url),
        "receipt_code": slip.receipt_code,
        "scan_qr": qr_drawing(slip.number),
    }


def labels_sheet(labels: Sequence[LabelData], sender: Sender, layout: LabelLayout, skip: int = 0) -> dict[str, Any]:
    """For form ``transfer_labels``. ``skip``: labels already used of the first sheet (0 to 7)."""
    return {
        "title": "档案封面标签",
        "office": sender.name,
        "layout": layout.value,
        "skip": skip % LABELS_A_SHEET if layout is LabelLayout.SHEET else 0,
        "sender": [w for w in (sender.name, sender.address, sender.phone) if w],
        "sender_code": sender.postal_code,
        "labels": [
            {
                "receiver": label.receiver,
                "department": label.department,
                "address": label.address,
                "phone": label.phone,
                "postal_code": list(label.postal_code) if _is_postal_code(label.postal_code) else [],
                "channel": label.channel,
                "number": label.number,
                "qr": qr_drawing(label.number),
            }
            for label in labels
        ],
    }


def hand_over_sheet(
    rows: Sequence[HandOverRow], sender: Sender, channel: str, carrier: str, on: date, printed: datetime
) -> dict[str, Any]:
    """For form ``transfer_hand_over``: one batch to one carrier."""
    return {
        "title": "毕业生档案交接清单",
        "office": sender.name,
        "facts": [
            ("移交单位", sender.name),
            ("承运单位", carrier),
            ("转递方式", channel),
            ("交接日期", chinese_date(on)),
        ],
        "rows": [
            [
                str(n),
                mask_name(row.name),
                row.number,
                row.seal_number or "—",
                row.tracking_number or "—",
                row.receiver,
            ]
            for n, row in enumerate(rows, 1)
        ],
        "total": f"本清单共 {len(rows)} 件，涉及接收单位 {len({r.receiver for r in rows})} 个。",
        "note": "移交、接收双方逐件核对密封编号和运单号，封口完好、数量相符后签字。",
        "parties": [("移交方", sender.name), ("接收方（承运）", carrier)],
        "footer_left": f"打印于 {printed:%Y-%m-%d %H:%M}",
        "footer_right": f"{channel} · {on:%Y-%m-%d}",
    }


def letter_sheet(letter: LetterData, sender: Sender) -> dict[str, Any]:
    """For form ``transfer_letter``. Raises LetterIncomplete."""
    form = LETTERS[letter.kind]
    known = {**dict.fromkeys(FIELDS, ""), **letter.fields, "sender": sender.name, "phone": sender.phone}
    # a clerk ends a reason as a sentence, and so does the letter
    known["reason"] = known["reason"].strip().rstrip("。.；;，,")
    missing = [FIELDS[n] for n in FIELDS if n in form.needs and not known[n].strip()]
    if missing:
        raise LetterIncomplete(missing)
    return {
        "title": form.title,
        "office": sender.name,
        "number": letter_number(letter.kind, letter.number, letter.sequence),
        "to": form.to.format(**known, carrier=letter.carrier),
        "paragraphs": [p.format(**known) for p in form.paragraphs],
        "closing": form.closing,
        "facts": list(letter.facts),
        "enclosures": list(form.enclosures),
        "on": chinese_date(letter.on),
        "contact": _return_to(sender),
    }


def catalogue_sheet(
    rows: Sequence[CatalogueRow], facts: Sequence[tuple[str, str]], manifest_code: str, sender: Sender, footer: str
) -> dict[str, Any]:
    """For the form ``catalogue``: the catalogue frozen for this transfer, with the manifest's code for its check."""
    return {
        "title": "档案材料目录",
        "office": sender.name,
        "facts": list(facts),
        "qr": qr_drawing(manifest_code),
        "check": manifest_code,
        "note": "本目录随档转递，已在装袋时固定；核对码与转递通知单一致，收到后请据此清点。",
        "groups": [
            {"code": code, "label": label, "rows": [_catalogue_row(r) for r in of_class]}
            for (code, label), of_class in groupby(rows, key=lambda r: (r.class_code, r.class_label))
        ],
        "total": len(rows),
        "pages_total": sum(r.pages or 0 for r in rows),
        "signatures": ["编制人", "核对人", "接收人"],
        "footer_left": footer,
        "footer_right": f"核对码 {manifest_code}",
    }


def _catalogue_row(row: CatalogueRow) -> dict[str, str]:
    parts = row.formed_on.split("-")
    if not all(p.isascii() and p.isdigit() for p in parts):
        parts = [row.formed_on]  # what is not a date stays in the year's column
    year, month, day = (*(str(int(p)) if p.isdigit() else p for p in parts[:3]), "", "")[:3]
    return {
        "sequence": str(row.sequence),
        "title": row.title,
        "year": year,
        "month": month,
        "day": day,
        "pages": str(row.pages) if row.pages else "",
        "remark": row.remark,
    }


# --- words ------------------------------------------------------------------------------------------------------------


def chinese_date(day: date) -> str:
    return f"{day.year} 年 {day.month} 月 {day.day} 日"


def letter_number(kind: LetterKind, number: str, sequence: int) -> str:
    """As ZD2026000123-CX1: letters and digits alone, so that it can be typed as a step's evidence."""
    return f"{number}-{LETTERS[kind].word}{sequence}"


def amount_words(materials: int, pages: int) -> str:
    """As 12 份 58 页; pages are not told where nobody counted them, nor anything without a frozen catalogue."""
    if not materials:
        return "见材料目录"
    return f"{materials} 份 {pages} 页" if pages else f"{materials} 份"


def origin_words(code: str) -> str:
    """The province of a GB/T 2260 code with the code itself; what is no code stays as it is."""
    province = PROVINCES.get(code[:2]) if len(code) == 6 and code.isascii() and code.isdigit() else None
    return f"{province}（{code}）" if province else code or "—"


def _is_postal_code(text: str) -> bool:
    return len(text) == 6 and text.isascii() and text.isdigit()


def _return_to(sender: Sender) -> str:
    words = (
        ("地址：", sender.address),
        ("邮编：", sender.postal_code),
        ("电话：", sender.phone),
    )
    return "　".join((sender.name, *(f"{label}{value}" for label, value in words if value)))
