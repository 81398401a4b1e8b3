"""通知: what one graduate was told, by which way, and what became of it. Each opening is recorded by the service."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from auth.guards import current_actor
from notifications.channel_rules import Way
from notifications.history import OUTCOME_LABELS, WAY_LABELS, Outcome
from staff_console import forms
from staff_console.gate import READERS, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import page


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Read from the address, and written back for the pages."""

    graduate_id: UUID
    way: Way | None = None
    outcome: Outcome | None = None

    @classmethod
    def read(cls, graduate_id: UUID, args: MultiDict[str, str]) -> HistoryFilter:
        way, outcome = args.get("way", ""), args.get("outcome", "")
        return cls(
            graduate_id,
            Way(way) if way in set(Way) else None,
            Outcome(outcome) if outcome in set(Outcome) else None,
        )

    def url(self, number: int) -> str:
        pairs = {"way": self.way or "", "outcome": self.outcome or "", "page": str(number) if number > 1 else ""}
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"/console/graduates/{self.graduate_id}/notices" + (f"?{query}" if query else "")


def add_notices(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/notices")
    @desk(*READERS)
    def notices(graduate_id: UUID) -> Response:
        found, number = graduate_or_404(graduate_id), forms.page_number(request.args)
        chosen = HistoryFilter.read(graduate_id, request.args)
        view = parts().notice_history.of(
            current_actor(),
            graduate_id,
            way=chosen.way,
            outcome=chosen.outcome,
            offset=(number - 1) * forms.PAGE_SIZE,
            limit=forms.PAGE_SIZE,
        )
        return page(
            "notices.html",
            graduate=found,
            tab="notices",
            view=view,
            chosen=chosen,
            ways=WAY_LABELS,
            outcomes=OUTCOME_LABELS,
            number=number,
            last=forms.last_page(view.total),
        )
