"""Protocols for everything beyond our walls. providers/ implements them; wiring.py chooses which.

Every method may raise app.errors.Unavailable when the outside does not answer in time or answers garbage;
nothing else escapes unless a docstring says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.carrier_ports import Carrier
from app.errors import DomainError
from app.file_ports import DocumentCleaner, FileStore, PdfPrinter, RepairableStore, ReplicaStore
from app.letter_ports import Mailer, SmsSender
from app.machine_ports import NonceStore, Tally
from app.message_ports import TemplateBook


class Clock(Protocol):
    def now(self) -> datetime:
        """The present as an aware datetime in UTC."""
        ...


class Platform(StrEnum):
    WECHAT = "wechat"
    ALIPAY = "alipay"
    CAMPUS_TERMINAL = "campus_terminal"


# --- platform accounts -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlatformAccount:
    """What a login code was worth. ``session_key`` (WeChat only) never leaves the server and is never logged."""

    platform: Platform
    app_id: str
    open_id: str
    union_id: str | None = None
    session_key: str | None = field(default=None, repr=False)


class LoginCodeRejected(DomainError):
    """The platform refused the code: wrong, used, expired, of another app. A new code is needed; never retried."""

    default_code = "login_code_rejected"


class LoginRefusedByPlatform(DomainError):
    """The platform blocks this user (WeChat 40226). Do not retry."""

    default_code = "login_refused_by_platform"


class PlatformLogin(Protocol):
    platform: Platform

    def exchange_code(self, code: str) -> PlatformAccount:
        """Trade a client's one-time code for the account. Raises LoginCodeRejected, LoginRefusedByPlatform."""
        ...


class PhoneProofRejected(DomainError):
    """Used, expired, unsigned, forged or another app's phone proof."""

    default_code = "phone_proof_rejected"


class PlatformPhone(Protocol):
    platform: Platform

    def phone_number(self, open_id: str, proof: str) -> str:
        """The phone number the platform vouches for, digits only, mainland numbers without country code.

        ``proof`` is WeChat's phone code, or the JSON text of Alipay's my.getPhoneNumber. Raises PhoneProofRejected.
        """
        ...


class FingerprintCheck(Protocol):
    """SOTER, verified at WeChat's server (/cgi-bin/soter/verify_signature)."""

    def verify(self, open_id: str, json_string: str, json_signature: str) -> bool: ...


# --- platform face verification ----------------------------------------------------------------------------------


class CertifyState(StrEnum):
    PASSED = "passed"
    PENDING = "pending"  # the person has not finished yet
    RETRY = "retry"  # may try again with a new ticket: light, blur, network
    MISMATCH = "mismatch"  # face or ID number is not this person's: counts as a try
    CANCELLED = "cancelled"  # by the person
    MANUAL = "manual"  # the platform cannot decide about this person: counter or another factor
    FAULT = "fault"  # our set-up or the platform's: alarm, another factor


@dataclass(frozen=True, slots=True)
class CertifyTicket:
    """``ticket`` is the platform's id (verify_id, certify_id); ``client_params`` goes to the mini-program as is."""

    ticket: str
    client_params: Mapping[str, str]
    expires_in: int


@dataclass(frozen=True, slots=True)
class CertifyOutcome:
    """``reason`` is the platform's own code, for staff and logs; it holds no personal data."""

    state: CertifyState
    reason: str = ""


class FaceCertifier(Protocol):
    """A platform's own face check of a named person. Its answer counts only when read server to server."""

    def begin(self, *, order_no: str, open_id: str, name: str, id_number: str) -> CertifyTicket:
        """``order_no``: 32 characters [0-9a-f], unique for ever."""
        ...

    def result(self, *, order_no: str, ticket: str, open_id: str, name: str, id_number: str) -> CertifyOutcome: ...


# --- local face verification -------------------------------------------------------------------------------------


class FaceAction(StrEnum):
    NEUTRAL = "neutral"
    BLINK = "blink"
    TURN_LEFT = "turn_left"  # the person's own left
    TURN_RIGHT = "turn_right"
    OPEN_MOUTH = "open_mouth"
    NOD = "nod"


@dataclass(frozen=True, slots=True)
class FaceChallenge:
    """What the server asked for. ``actions`` in order, first always NEUTRAL; ``deadline_ms`` per action, counted from
    the first frame; ``nonce`` keys the MAC of every frame.
    """

    nonce: bytes = field(repr=False)
    actions: tuple[FaceAction, ...]
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """One captured picture (JPEG or PNG bytes). ``action`` is the index into the challenge's actions the client was
    showing; ``at_ms`` milliseconds since the first frame; ``mac`` = HMAC-SHA256(nonce,
    ASCII "index|action|at_ms|" + lower-case hex SHA-256 of the image bytes).
    """

    index: int
    action: int
    at_ms: int
    image: bytes = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FaceClip:
    frames: tuple[FaceFrame, ...]


class FaceDecision(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    RETAKE = "retake"  # unusable capture (dark, too small, no face): costs no try
    UNSURE = "unsure"  # one more capture, then another path: costs a try
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """``reason`` is one stable word (see providers/faces/reasons.py); ``distance`` of the fused probe to the reference,
    None when matching was not reached. Holds no template and no image.
    """

    decision: FaceDecision
    reason: str
    distance: float | None = None
    frames_used: int = 0
    cpu_ms: int = 0


class FaceEngine(Protocol):
    """Runs in the face worker's single thread only."""

    def verify(self, reference: bytes, challenge: FaceChallenge, clip: FaceClip) -> FaceVerdict: ...


class FrameBox(Protocol):
    """Frames on their way to the face worker: sealed, in memory, at most two minutes."""

    def put(self, verification_id: UUID, challenge: FaceChallenge, clip: FaceClip) -> None: ...

    def get(self, verification_id: UUID) -> FaceClip | None:
        """None once expired. Does not remove, so that a killed worker's successor still finds them."""
        ...

    def drop(self, verification_id: UUID) -> None: ...


# --- messages to people -------------------------------------------------------------------------------------------


class SendFault(StrEnum):
    RETRY = "retry"  # busy, timeout before the request was sent, token trouble
    LATER = "later"  # the sender's limit of a day is reached, for everybody
    FULL = "full"  # this recipient takes no more today: a full mailbox, a limit for one number
    RECIPIENT = "recipient"  # the address is bad for good
    NO_CREDIT = "no_credit"  # not subscribed, or the one-shot credit is used up
    CONTENT = "content"  # a value breaks the template's rules, or a sensitive word
    CONFIG = "config"  # template, permission, banned ability: alarm
    UNKNOWN = "unknown"  # sent, but no answer came: it may have arrived


class SendFailed(DomainError):
    """``fault`` decides what happens next; ``reason`` is the platform's code."""

    default_code = "send_failed"

    def __init__(self, fault: SendFault, reason: str) -> None:
        super().__init__(params={"fault": fault.value, "reason": reason})
        self.fault = fault
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One template message. ``fields`` are the template's own keys (thing1, keyword1 …) with final values."""

    open_id: str
    template_id: str
    page: str
    fields: Mapping[str, str]


class MessageSender(Protocol):
    def send(self, message: OutboundMessage) -> str:
        """The provider's message id ('' if it gives none). Raises SendFailed."""
        ...


class ChatSender(Protocol):
    """WeChat's customer-service messages: a text to somebody who wrote within the last 48 hours, five at most."""

    def send(self, open_id: str, text: str) -> None:
        """``text`` is at most 2,048 bytes. Raises SendFailed; NO_CREDIT when the window is over or its count used up
        (45015, 45047).
        """
        ...


class StaffAlerts(Protocol):
    def alert(self, text: str) -> None:
        """A line to the staff's group robot: numbers and counts, never a name. Raises SendFailed."""
        ...


# --- platform call-backs ------------------------------------------------------------------------------------------


class CallbackRejected(DomainError):
    """Bad signature, wrong app, outside the time window, a nonce used for another message, or not decodable."""

    default_code = "callback_rejected"


@dataclass(frozen=True, slots=True)
class PushedMessage:
    """A decoded WeChat push. ``dedupe_key`` is MsgId, or sender + CreateTime + event for events.
    ``items`` are the entries of List, always a sequence.
    """

    dedupe_key: str
    kind: str
    event: str
    open_id: str
    created_at: int
    content: str = field(default="", repr=False)
    items: Sequence[Mapping[str, str]] = ()


class WeChatPush(Protocol):
    def verify_url(self, query: Mapping[str, str]) -> str:
        """The echostr to answer with. Raises CallbackRejected."""
        ...

    def decode(self, query: Mapping[str, str], body: bytes) -> PushedMessage:
        """Checks signature and time over the raw body, JSON or XML. Raises CallbackRejected."""
        ...


class AlipayNotify(Protocol):
    def decode(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Verified parameters (V1 or V2 signing string), ``notify_id`` among them. Raises CallbackRejected."""
        ...


# --- keys -------------------------------------------------------------------------------------------------------------


class KeyWrapper(Protocol):
    """The key-encryption key, outside the database (file or KMS)."""

    @property
    def primary_version(self) -> int: ...

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[int, bytes]:
        """(KEK version used, wrapped key)."""
        ...

    def unwrap(self, version: int, wrapped: bytes, aad: bytes) -> bytes:
        """Raises app.errors.Tampered if anything does not fit."""
        ...

    def secret(self, name: str) -> bytes:
        """A 32-byte key of its own for one use ('blind-index', 'frames', 'session-pepper' …)."""
        ...


# --- short-lived shared memory ------------------------------------------------------------------------------------


class RateLimiter(Protocol):
    def hit(self, bucket: str, key: str, *, limit: int, window_s: int) -> int:
        """Counts one try; how many more there may be now. Raises RateLimited. With Redis away a stricter local limit
        applies, never none.
        """
        ...


class Cache(Protocol):
    """Shared, forgetful. Every method treats an absent Redis as a miss and never raises."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes, ttl_s: int) -> None: ...

    def add(self, key: str, value: bytes, ttl_s: int) -> bool:
        """True if the key was absent and is now set; also True when Redis is away (callers have a durable check)."""
        ...

    def forget(self, key: str) -> None: ...


# --- all of it together -------------------------------------------------------------------------------------------


class Store(Protocol):
    """The shared Redis itself, for health checks."""

    def ping(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """One of each port. ``certifiers`` by factor name; absent ones are simply not offered.

    ``carriers`` by transfer channel ("ems"); 机要通信 answers no queries, and a channel without one is not tracked.
    ``replica`` is ``files`` itself where a replica is configured, None where there is but one copy. ``scratch`` is it
    too where killed writers may leave something behind that has to be swept.
    """

    clock: Clock
    keys: KeyWrapper
    files: FileStore
    cleaner: DocumentCleaner
    limits: RateLimiter
    cache: Cache
    nonces: NonceStore
    tally: Tally
    frames: FrameBox
    redis: Store | None = None
    replica: ReplicaStore | None = None
    scratch: RepairableStore | None = None
    printer: PdfPrinter | None = None
    logins: Mapping[Platform, PlatformLogin] = field(default_factory=dict)
    phones: Mapping[Platform, PlatformPhone] = field(default_factory=dict)
    certifiers: Mapping[str, FaceCertifier] = field(default_factory=dict)
    senders: Mapping[Platform, MessageSender] = field(default_factory=dict)
    carriers: Mapping[str, Carrier] = field(default_factory=dict)
    fingerprint: FingerprintCheck | None = None
    alerts: StaffAlerts | None = None
    mailer: Mailer | None = None
    sms: SmsSender | None = None
    templates: TemplateBook | None = None
    chat: ChatSender | None = None
    wechat_push: WeChatPush | None = None
    alipay_notify: AlipayNotify | None = None
