"""Which transfers the list shows: read from the address, written back. What cannot be read filters nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from werkzeug.datastructures import MultiDict

from app.transfers.service import UnderWay
from app.transfers.states import OPEN, Channel, State

PATH = "/console/transfers"


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """``doubtful``: only those whose receiver has changed or expires; ``electronic_late``: whose package is late."""

    state: State | None = None
    channel: Channel | None = None
    overdue: bool = False
    electronic_late: bool = False
    doubtful: bool = False

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> TransferFilter:
        state, channel = args.get("state", ""), args.get("channel", "")
        return cls(
            State(state) if state in OPEN else None,
            Channel(channel) if channel in set(Channel) else None,
            args.get("overdue") == "yes",
            args.get("electronic") == "late",
            args.get("receivers") == "doubtful",
        )

    @property
    def any(self) -> bool:
        return self != TransferFilter()

    def wanted(self, doubtful: Sequence[tuple[UUID, int]]) -> UnderWay:
        """``doubtful``: the frozen (receiver, version) that ask for a look."""
        to = doubtful if self.doubtful else None
        return UnderWay(self.state, self.channel, self.overdue, to, self.electronic_late)

    def url(self, page: int) -> str:
        pairs = {
            "state": self.state.value if self.state else "",
            "channel": self.channel.value if self.channel else "",
            "overdue": "yes" if self.overdue else "",
            "electronic": "late" if self.electronic_late else "",
            "receivers": "doubtful" if self.doubtful else "",
            "page": str(page) if page > 1 else "",
        }
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"{PATH}?{query}" if query else PATH
