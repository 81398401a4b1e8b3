"""The papers of transfers as downloads: of one transfer, and of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import FieldFault, Invalid, NotFound
from app.transfers.letters import LETTERS, LetterKind
from app.transfers.paper_desk import TOO_EARLY, letters_for
from app.transfers.papers import LABELS_A_SHEET, LabelLayout
from app.transfers.showing import TransferView
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import MOVERS, desk
from staff_console.parts import parts
from staff_console.pdf_files import pdf_file
from staff_console.queue_bulk import read_uuid


class Paper(StrEnum):
    """What is printed of many transfers at once."""

    SLIPS = "slips"
    LABELS = "labels"
    SINGLE_LABELS = "single_labels"
    HAND_OVER = "hand_over"


PAPER_LABELS = {
    Paper.SLIPS: "转递通知单",
    Paper.LABELS: "封面标签（A4，每页 8 张）",
    Paper.SINGLE_LABELS: "封面标签（标签机，100 × 70 毫米）",
    Paper.HAND_OVER: "交接清单",
}


def paper_links(view: TransferView) -> list[tuple[str, str]]:
    """(words, address) of what may be printed of one transfer as it stands."""
    at = f"/console/transfers/{view.id}"
    found = []
    if view.state not in TOO_EARLY:
        found += [("转递通知单", f"{at}/slip.pdf"), ("封面标签", f"{at}/label.pdf")]
        if view.manifest_code is not None:
            found.append(("随档目录", f"{at}/catalogue.pdf"))
    kinds = letters_for(view.state, overdue=view.due is not None and view.due.overdue)
    return found + [(LETTERS[kind].title, f"{at}/letter/{kind}.pdf") for kind in kinds]


def _picked() -> list[UUID]:
    """Raises Invalid for what is no id."""
    found = [read_uuid(value) for value in request.form.getlist("transfer")]
    if any(i is None for i in found):
        raise Invalid("invalid_input", faults=[FieldFault("/transfer", "wrong")])
    return [i for i in found if i is not None]


def _skip() -> int:
    value = request.form.get("skip", "0")
    return int(value) if value in {str(n) for n in range(LABELS_A_SHEET)} else 0


def _print(paper: Paper, picked: Sequence[UUID]) -> bytes:
    desk_of_papers, actor = parts().transfer_papers, current_actor()
    if paper is Paper.SLIPS:
        return desk_of_papers.slips(actor, picked)
    if paper is Paper.HAND_OVER:
        return desk_of_papers.hand_over(actor, picked)
    layout = LabelLayout.SHEET if paper is Paper.LABELS else LabelLayout.SINGLE
    return desk_of_papers.labels(actor, picked, layout, _skip())


def add_transfer_papers(console: Blueprint) -> None:
    @console.get("/transfers/<uuid:transfer_id>/slip.pdf")
    @desk(*MOVERS)
    def transfer_slip(transfer_id: UUID) -> Response:
        return pdf_file("slip.pdf", parts().transfer_papers.slips(current_actor(), [transfer_id]))

    @console.get("/transfers/<uuid:transfer_id>/label.pdf")
    @desk(*MOVERS)
    def transfer_label(transfer_id: UUID) -> Response:
        label = parts().transfer_papers.labels(current_actor(), [transfer_id], LabelLayout.SINGLE)
        return pdf_file("label.pdf", label)

    @console.get("/transfers/<uuid:transfer_id>/catalogue.pdf")
    @desk(*MOVERS)
    def transfer_catalogue(transfer_id: UUID) -> Response:
        return pdf_file("catalogue.pdf", parts().transfer_papers.catalogue(current_actor(), transfer_id))

    @console.get("/transfers/<uuid:transfer_id>/letter/<letter>.pdf")
    @desk(*MOVERS)
    def transfer_letter(transfer_id: UUID, letter: str) -> Response:
        if letter not in set(LetterKind):
            raise NotFound("not_found")
        kind = LetterKind(letter)
        return pdf_file(f"{kind}.pdf", parts().transfer_papers.letter(current_actor(), transfer_id, kind))

    @console.get("/dispatch/<uuid:dispatch_id>/list.pdf")
    @desk(*MOVERS)
    def dispatch_list(dispatch_id: UUID) -> Response:
        return pdf_file("hand-over.pdf", parts().transfer_papers.batch_list(current_actor(), dispatch_id))

    @console.post("/transfers/papers")
    @desk(*MOVERS)
    def transfers_papers() -> Response:
        paper = forms.choice(Paper, "paper")
        return pdf_file(f"{paper}.pdf", _print(paper, _picked()))
