"""What must hold after every simulated day, asked of the database and compared with the book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import text

from app.transfers.states import State
from bench.season.book import Book
from parts import Lantai

QUERIES: Mapping[str, str] = {
    "dossiers with two open transfers": (
        "select count(*) from (select dossier_id from transfer where supplements is null"
        " and state not in ('closed', 'supplement_open', 'redirected', 'withdrawn')"
        " group by dossier_id having count(*) > 1) t"
    ),
    "transfers on the way that were never handed over": (
        "select count(*) from transfer t where t.state in ('handed_to_carrier', 'in_transit', 'delivered_unconfirmed',"
        " 'receipt_overdue', 'received', 'refused', 'returned', 'lost_suspected', 'tracing', 'lost_confirmed')"
        " and not exists (select 1 from dispatch d where d.transfer_id = t.id)"
    ),
    "receipts that name no frozen catalogue": (
        "select count(*) from transfer where state in ('received', 'closed') and destination_case is not null"
        " and receipt_digest is distinct from manifest_digest"
    ),
    "dossiers that may be edited while they are sealed or away": (
        "select count(*) from transfer t join dossier d on d.id = t.dossier_id where d.state = 'open'"
        " and t.state in ('sealed', 'handed_to_carrier', 'in_transit', 'delivered_unconfirmed', 'receipt_overdue',"
        " 'received', 'refused', 'returned', 'lost_suspected', 'tracing', 'lost_confirmed')"
    ),
    "dossiers that count as transferred without a receipt": (
        "select count(*) from dossier d where d.state = 'transferred'"
        " and not exists (select 1 from transfer t where t.dossier_id = d.id and t.state in ('received', 'closed'))"
    ),
    "states whose clock does not run": (
        "select count(*) from transfer where state in ('destination_registered', 'sealed', 'in_transit',"
        " 'delivered_unconfirmed', 'returned', 'tracing') and due_on is null"
    ),
    "batches that were not finished": "select count(*) from dispatch_batch where state not in ('done', 'dropped')",
}
PER_TRANSFER = "select count(*) from event where type in ('transfer.moved', 'transfer.opened')"


class Checks:
    def __init__(self, parts: Lantai, book: Book) -> None:
        self._parts, self._book = parts, book
        self._told_before = self._count(PER_TRANSFER)
        self.made = 0

    def daily(self) -> list[str]:
        """What does not hold."""
        found = [f"{number} {what}" for what, query in QUERIES.items() if (number := self._count(query))]
        told, taken = self._count(PER_TRANSFER) - self._told_before, self._book.tally.steps.total()
        if told != taken:
            found.append(f"{told} steps stand in the log, {taken} were taken")
        self.made += len(QUERIES) + 1
        return found

    def weekly(self) -> list[str]:
        """Every transfer's state against the book, every stored day against its facts."""
        found = self._book.states(self._book.by_transfer)
        wrong = Counter(
            f"{life.state} in the book and {found[transfer]} in the database"
            for transfer, life in self._book.by_transfer.items()
            if found[transfer] is not life.state
        )
        different = self._parts.transfer_watch.check()
        self.made += 2 * len(self._book.by_transfer)
        days = [f"{len(different)} stored days differ from their facts"] if different else []
        return [f"{number} transfers are {what}" for what, number in wrong.items()] + days

    def breaches(self) -> dict[str, int]:
        """Transfers past their day, by clock."""
        return self._grouped(
            "select timer, count(*) from transfer where due_on < :today and timer is not null group by timer"
        )

    def counts(self) -> dict[State, int]:
        return {state: len(self._book.queues[state]) for state in State}

    def _grouped(self, query: str) -> dict[str, int]:
        today = self._parts.receivers.today
        with self._parts.db.transaction() as session:
            return {str(name): int(number) for name, number in session.execute(text(query), {"today": today})}

    def _count(self, query: str) -> int:
        with self._parts.db.transaction() as session:
            return int(session.scalar(text(query)) or 0)
