"""Fakes of the ports, for tests of everything inside the walls."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from app.carrier_ports import Carrier, CarrierEvent
from app.errors import Invalid, NotFound, Unavailable
from app.file_ports import CleanDocument, ReplicaStore, SyncReport
from app.letter_ports import SmsKind
from app.ports import (
    CertifyOutcome,
    CertifyState,
    CertifyTicket,
    ChatSender,
    FaceChallenge,
    FaceClip,
    FaceDecision,
    FaceVerdict,
    LoginCodeRejected,
    OutboundMessage,
    PhoneProofRejected,
    Platform,
    PlatformAccount,
    SendFailed,
    SendFault,
)


class FakeClock:
    """Stands still until moved. Starts on a Monday."""

    def __init__(self, start: datetime = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, **delta: float) -> None:
        self._now += timedelta(**delta)


class MemoryFiles:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.aside: list[bytes] = []  # what repair replaced

    def put(self, name: str, data: bytes) -> None:
        assert name not in self.files
        self.files[name] = data

    def get(self, name: str) -> bytes:
        if name not in self.files:
            raise NotFound("file_not_found")
        return self.files[name]

    def delete(self, name: str) -> None:
        self.files.pop(name, None)

    def names(self) -> Iterator[str]:
        return iter(sorted(self.files))

    def sweep(self, before: float) -> int:
        return 0

    def repair(self, name: str, data: bytes) -> None:
        self.aside += [self.files[name]] if name in self.files else []
        self.files[name] = data


class MemoryReplica(MemoryFiles):
    """Two copies: ``files`` and ``copies``."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: dict[str, bytes] = {}

    def put(self, name: str, data: bytes) -> None:
        super().put(name, data)
        self.copies[name] = data

    def delete(self, name: str) -> None:
        super().delete(name)
        self.copies.pop(name, None)

    def replica_get(self, name: str) -> bytes:
        if name not in self.copies:
            raise NotFound("file_not_found")
        return self.copies[name]

    def repair_replica(self, name: str, data: bytes) -> None:
        self.copies[name] = data

    def sync(self) -> SyncReport:
        missing = self.files.keys() - self.copies.keys()
        self.copies |= {name: self.files[name] for name in missing}
        return SyncReport(len(self.files), len(missing), len(self.copies.keys() - self.files.keys()))


class PlainCleaner:
    """Takes JPEG and PDF by their first bytes; the real cleaner has tests of its own."""

    def clean(self, data: bytes, claimed_type: str = "") -> CleanDocument:
        if data.startswith(b"\xff\xd8"):
            return CleanDocument("image/jpeg", data, 1, 10, 10)
        if data.startswith(b"%PDF-"):
            return CleanDocument("application/pdf", data, 1)
        raise Invalid("document_type_refused")


class FakeLogin:
    """Every code is good once and belongs to the open id it names: ``code-for:<open id>``."""

    def __init__(self, platform: Platform, app_id: str = "app") -> None:
        self.platform, self._app_id = platform, app_id
        self.used: set[str] = set()
        self.away = False

    def exchange_code(self, code: str) -> PlatformAccount:
        if self.away:
            raise Unavailable("platform_unavailable")
        if not code.startswith("code-for:") or code in self.used:
            raise LoginCodeRejected
        self.used.add(code)
        return PlatformAccount(self.platform, self._app_id, code.split(":")[1])


class FakePhone:
    """``numbers`` maps a proof to what the platform vouches for."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.numbers: dict[str, str] = {}

    def phone_number(self, open_id: str, proof: str) -> str:
        if proof not in self.numbers:
            raise PhoneProofRejected
        return self.numbers[proof]


class FakeFingerprint:
    def __init__(self) -> None:
        self.good: set[str] = set()

    def verify(self, open_id: str, json_string: str, json_signature: str) -> bool:
        return json_signature in self.good


class FakeCertifier:
    """``outcome`` is what the next result says; ``asked`` who was to be certified."""

    def __init__(self) -> None:
        self.outcome = CertifyOutcome(CertifyState.PASSED)
        self.asked: list[tuple[str, str]] = []
        self.away = False

    def begin(self, *, order_no: str, open_id: str, name: str, id_number: str) -> CertifyTicket:
        if self.away:
            raise Unavailable("platform_unavailable")
        self.asked.append((name, id_number))
        return CertifyTicket(f"ticket-{order_no}", {"verifyId": f"ticket-{order_no}"}, 3600)

    def result(self, *, order_no: str, ticket: str, open_id: str, name: str, id_number: str) -> CertifyOutcome:
        assert ticket == f"ticket-{order_no}"
        return self.outcome


class FakeSender:
    """Keeps what was sent; ``faults`` are raised first, one per call."""

    def __init__(self) -> None:
        self.sent: list[OutboundMessage] = []
        self.faults: list[SendFault] = []

    def send(self, message: OutboundMessage) -> str:
        if self.faults:
            raise SendFailed(self.faults.pop(0), "scripted")
        self.sent.append(message)
        return f"msg-{len(self.sent)}"


@dataclass
class FakeMailer:
    """Keeps what was sent; ``faults`` are raised first, one per call."""

    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    faults: list[SendFault] = field(default_factory=list)

    def send(self, to: str, subject: str, body: str, *, message_id: str) -> None:
        if self.faults:
            raise SendFailed(self.faults.pop(0), "scripted")
        self.sent.append((to, subject, body, message_id))


@dataclass
class FakeSms:
    sent: list[tuple[str, SmsKind, Mapping[str, str], str]] = field(default_factory=list)
    faults: list[SendFault] = field(default_factory=list)

    def send(self, to: str, kind: SmsKind, values: Mapping[str, str], *, request_id: str) -> str:
        if self.faults:
            raise SendFailed(self.faults.pop(0), "scripted")
        self.sent.append((to, kind, values, request_id))
        return f"sms-{len(self.sent)}"


class FakeChatSender:
    """Keeps (open id, text); ``faults`` are raised first, one per call; ``through`` asks a real client too."""

    def __init__(self) -> None:
        self.through: ChatSender | None = None
        self.sent: list[tuple[str, str]] = []
        self.faults: list[tuple[SendFault, str]] = []

    def send(self, open_id: str, text: str) -> None:
        if self.faults:
            raise SendFailed(*self.faults.pop(0))
        if self.through is not None:
            self.through.send(open_id, text)
        self.sent.append((open_id, text))


class FakeAlerts:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def alert(self, text: str) -> None:
        self.lines.append(text)


class FakeCarrier:
    """Tells of each number what ``traces`` holds; ``through`` asks a real client instead."""

    def __init__(self) -> None:
        self.traces: dict[str, list[CarrierEvent]] = {}
        self.asked: list[str] = []
        self.away = False
        self.through: Carrier | None = None
        self.meanwhile: Callable[[], None] | None = None

    def track(self, tracking_number: str) -> Sequence[CarrierEvent]:
        self.asked.append(tracking_number)
        if self.meanwhile is not None:
            self.meanwhile()
        if self.away:
            raise Unavailable("platform_unavailable")
        if self.through is not None:
            return self.through.track(tracking_number)
        if tracking_number not in self.traces:
            raise NotFound("waybill_not_found")
        return list(self.traces[tracking_number])


class FakeEngine:
    """Gives the verdict it was told to give."""

    def __init__(self) -> None:
        self.verdict = FaceVerdict(FaceDecision.PASS, "matched", 0.3, 24, 900)
        self.references: list[bytes] = []

    def verify(self, reference: bytes, challenge: FaceChallenge, clip: FaceClip) -> FaceVerdict:
        self.references.append(reference)
        return self.verdict


def dies_at_the_second(owner: type, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed when the method is called for the second time."""
    real, calls = getattr(owner, method), iter((True, False))

    def counted(self: object, *args: Any, **kwargs: Any) -> Any:
        if not next(calls):
            raise SystemExit("killed")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(owner, method, counted)


def jpeg(width: int = 40, height: int = 50, colour: Mapping[str, int] | tuple[int, int, int] = (90, 120, 150)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), tuple(colour.values()) if isinstance(colour, Mapping) else colour).save(
        out, "JPEG"
    )
    return out.getvalue()


_REPLICA: type[ReplicaStore] = MemoryReplica  # mypy holds the fake to the port
