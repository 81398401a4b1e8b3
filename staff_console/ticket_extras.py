"""What the ticket's page asks of the desk besides the ticket itself: who else is there, what is new, text blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import g

from app.corrections.assigning import HOW_LABELS
from app.corrections.changes import NewsLine
from app.corrections.macros import MacroView
from app.corrections.presence import BEAT_S, Doing, Watcher
from auth.guards import current_actor
from staff_console.parts import parts


def others_on(ticket_id: UUID) -> Sequence[Watcher]:
    """Who else has it open; the reader counts as there from now on."""
    return parts().ticket_presence.seen(current_actor(), ticket_id, Doing.LOADED)


def news_on(ticket_id: UUID, moved: bool) -> Sequence[NewsLine]:
    return parts().ticket_changes.since_opened(current_actor(), ticket_id, moved=moved)


def text_blocks() -> Sequence[MacroView]:
    """Once per page, however many forms offer them."""
    if "console_text_blocks" not in g:
        g.console_text_blocks = parts().macros.macros(current_actor())
    found: Sequence[MacroView] = g.console_text_blocks
    return found


def desk_members() -> Sequence[tuple[UUID, str]]:
    return parts().ticket_queues.handlers(current_actor())


EXTRAS: Mapping[str, object] = {
    "others_on": others_on,
    "news_on": news_on,
    "text_blocks": text_blocks,
    "desk_members": desk_members,
    "assign_hows": HOW_LABELS,
    "beat_s": BEAT_S,
}
