"""What there is to do next for one person, most pressing first: tickets, then what waits or is amiss elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.actors import Actor, Role
from app.corrections.clock_words import Said, pressing_words
from app.corrections.rules import Side, State
from app.corrections.views import TicketLine
from app.custody.reading import Shown
from app.imports.rules import BatchState
from app.imports.views import BatchView
from app.office_time import office_date
from notifications.chat.desk import Look
from staff_console.chats import waiting_words
from staff_console.fixity import WATCHERS
from staff_console.gate import DESK, MOVERS, READERS
from staff_console.parts import parts

TICKETS, OTHERS, LOOKED_THROUGH = 8, 3, 40
# what waits for the graduate or for another office is nobody's next act
TO_DO = (State.SUBMITTED, State.IN_REVIEW, State.AWAITING_SECOND)
BATCH_AGE = timedelta(days=30)
UNMENDED = frozenset({BatchState.CHECKED, BatchState.DONE})


def dues(lines: Sequence[TicketLine]) -> dict[str, Said]:
    """What to say about each line's clock, by ticket number: the first answer's until it is given."""
    return {line.number: pressing_words(line.clock, Side.STAFF) for line in lines}


@dataclass(frozen=True, slots=True)
class Errand:
    """One line outside the tickets: ``when`` is what makes it pressing, in words."""

    title: str
    when: str
    path: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Pile:
    """Errands of one sort: the first few, how many there are, and the page with all."""

    name: str
    total: int
    path: str
    errands: Sequence[Errand]


@dataclass(frozen=True, slots=True)
class WorkList:
    """``first`` is what to open now; ``tickets`` what follows. ``counts`` is None for who works no tickets,
    ``works`` is False for whose duties bring no errands.
    """

    first: TicketLine | None
    tickets: Sequence[TicketLine]
    counts: dict[str, int] | None
    piles: Sequence[Pile]
    works: bool

    @property
    def nothing(self) -> bool:
        return self.first is None and not self.piles

    @property
    def lines(self) -> list[TicketLine]:
        return [*([self.first] if self.first else []), *self.tickets]


def work_list(actor: Actor) -> WorkList:
    tickets: list[TicketLine] = []
    counts = None
    if actor.has_role(*DESK):
        tickets = _tickets(actor)
        counts = parts().desk.counts(actor)
    piles = [p for p in _piles(actor) if p and p.total]
    return WorkList(tickets[0] if tickets else None, tickets[1:TICKETS], counts, piles, actor.has_role(*DESK, *MOVERS))


def _piles(actor: Actor) -> Sequence[Pile | None]:
    return (
        _chats(actor),
        _supplements(actor),
        _checks(actor),
        _imports(actor),
        _loans(actor),
        _receivers(actor),
        _transfers(actor),
    )


def _tickets(actor: Actor) -> list[TicketLine]:
    """Mine and nobody's, the most pressing first."""
    mine, _ = parts().desk.queue(actor, states=TO_DO, mine=True, limit=LOOKED_THROUGH)
    free, _ = parts().desk.queue(actor, states=TO_DO, unclaimed=True, limit=LOOKED_THROUGH)
    found = {t.id: t for t in [*mine, *free]}
    return sorted(found.values(), key=lambda t: (t.clock.presses_on, t.assigned_to != actor.id, t.serial))


def _chats(actor: Actor) -> Pile | None:
    """People who wait for somebody to answer them."""
    if not actor.has_role(*READERS):
        return None
    lines, total = parts().chat_desk.listed(actor, Look.WAITING, offset=0, limit=OTHERS)
    return Pile(
        "在线咨询待人工答复",
        total,
        "/console/chats",
        [
            Errand(
                line.who or "未绑定的账号",
                f"已等待 {waiting_words(line.waited_s)}",
                f"/console/chats/{line.id}",
                "open",
            )
            for line in lines
        ],
    )


def _supplements(actor: Actor) -> Pile | None:
    if not actor.has_role(*DESK):
        return None
    lines, total = parts().supplement_desk.queue(actor, limit=OTHERS)
    names = parts().people.names([line.graduate_id for line in lines])
    return Pile(
        "补充材料待审核",
        total,
        "/console/supplements",
        [
            Errand(
                f"{names.get(line.graduate_id, '—')}：{line.title}",
                f"{_age(line.submitted_at)}提交",
                f"/console/supplements/{line.id}",
                "open",
            )
            for line in lines
        ],
    )


def _checks(actor: Actor) -> Pile | None:
    if not actor.has_role(*READERS):
        return None
    runs, total = parts().checks.troubled(actor, limit=OTHERS)
    names = parts().people.names([r.graduate_id for r in runs])
    return Pile(
        "检测未通过",
        total,
        "/console/checks",
        [
            Errand(
                f"{names.get(r.graduate_id, '—')}的档案",
                f"{_age(r.at)}检测",
                f"/console/graduates/{r.graduate_id}/checks",
                "bad",
            )
            for r in runs
        ],
    )


def _imports(actor: Actor) -> Pile | None:
    """Batches of the last month with refused rows that no later file has mended."""
    if not actor.has_role(Role.ARCHIVIST):
        return None
    batches = parts().importer.batches(actor, limit=LOOKED_THROUGH).batches
    mended = {b.parent_id for b in batches}
    since = parts().clock.now() - BATCH_AGE
    open_ones = [
        b for b in batches if b.refused and b.state in UNMENDED and b.id not in mended and b.created_at > since
    ]
    return Pile("导入有未通过的行", len(open_ones), "/console/import", [_batch(b) for b in open_ones[:OTHERS]])


def _batch(batch: BatchView) -> Errand:
    words = f"{batch.refused} 行未通过 · {_age(batch.created_at)}上传"
    return Errand(batch.name or "未命名的批次", words, f"/console/import/{batch.id}?outcome=refused", "wait")


def _transfers(actor: Actor) -> Pile | None:
    if not actor.has_role(*MOVERS):
        return None
    moving, total = parts().transfers.under_way(actor, limit=OTHERS)
    names = parts().people.names([t.graduate_id for t in moving])
    return Pile(
        "进行中的转递",
        total,
        "/console/transfers",
        [
            Errand(
                f"{names.get(t.graduate_id, '—')} → {t.receiver_name}",
                f"下一步：{t.next_words} · {_age(t.moved_at)}有变化",
                f"/console/graduates/{t.graduate_id}/transfers",
                "work",
            )
            for t in moving
        ],
    )


def _loans(actor: Actor) -> Pile | None:
    """Paper that has not come back."""
    if not actor.has_role(*MOVERS):
        return None
    loans, total = parts().custody.loans(actor, Shown.OVERDUE, limit=OTHERS)
    names = parts().people.names([line.graduate_id for line in loans])
    return Pile(
        "借阅逾期未还",
        total,
        "/console/custody?shown=overdue",
        [
            Errand(
                f"{names.get(line.graduate_id, '—')}的档案",
                f"应于 {line.due_on} 归还 · {line.purpose_label}",
                f"/console/custody/loans/{line.id}",
                "bad",
            )
            for line in loans
        ],
    )


def _receivers(actor: Actor) -> Pile | None:
    """Bodies that expire, have expired or have changed while dossiers are on their way to them."""
    if not actor.has_role(*MOVERS):
        return None
    found, path = parts().receiver_watch.concerns(actor), "/console/transfers?receivers=doubtful"
    return Pile(
        "接收单位有变动，影响在办转递",
        len(found),
        path,
        [
            Errand(c.name, f"{c.words} · 在办转递 {c.transfers} 件", path, "bad" if c.late else "wait")
            for c in found[:OTHERS]
        ],
    )


def damaged(actor: Actor) -> int:
    return parts().fixity_board.damaged() if actor.has_role(*WATCHERS) else 0


def _age(at: Any) -> str:
    """How long ago, in days of the calendar at the school."""
    days = (office_date(parts().clock.now()) - office_date(at)).days
    return "今天" if days <= 0 else "昨天" if days == 1 else f"{days} 天前"
