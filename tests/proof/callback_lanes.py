"""The ways in which fuzzed bytes reach the call-back parsers, each with its oracle: what may come out.

The platforms' side is written apart from providers/wechat and providers/alipay (it is the sandbox's), so that a
message which opens is compared with what was sealed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.ports import AlipayNotify, CallbackRejected, PushedMessage, WeChatPush
from providers.sandbox.alipay_crypto import rsa2_sign
from providers.sandbox.wechat_crypto import BadCiphertext, PushCipher
from tests.proof import callback_samples as samples

NOW = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
STAMP, NONCE, RANDOM = str(int(NOW.timestamp())), "1514711492", b"r" * 16
TOKEN, APP_ID, AES_KEY = "proof-token", "wx0123456789abcdef", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
ALIPAY_APP = "2021000000000000"
MOST_FIELDS = 150


class Wrong(AssertionError):
    """Something came out that may not."""


@dataclass
class Opened:
    """app.ports.Cache, which hears of every message that lies open: ``marks`` are their hashes, of one execution."""

    count: int = 0
    marks: list[bytes] = field(default_factory=list)

    def add(self, key: str, value: bytes, ttl_s: int) -> bool:
        self.count += 1
        self.marks.append(value)
        return True

    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, value: bytes, ttl_s: int) -> None: ...

    def forget(self, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """``run`` raises nothing but what is wrong; ``corpus`` is where it starts; ``tally`` counts what lay open."""

    run: Callable[[bytes], None]
    corpus: tuple[bytes, ...]
    opened: Opened


class Platform:
    """WeChat, with the right keys."""

    def __init__(self) -> None:
        self.cipher = PushCipher(TOKEN, AES_KEY, APP_ID)
        key = base64.b64decode(AES_KEY + "=")
        self._aes = Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def encrypted(self, plain: bytes) -> str:
        """Of whole blocks, whatever is in them."""
        sealer = self._aes.encryptor()
        return base64.b64encode(sealer.update(plain) + sealer.finalize()).decode()

    def query(self, encrypt: str) -> dict[str, str]:
        mark = hashlib.sha1("".join(sorted((TOKEN, STAMP, NONCE, encrypt))).encode("utf-8", "surrogatepass"))
        return {"timestamp": STAMP, "nonce": NONCE, "encrypt_type": "aes", "msg_signature": mark.hexdigest()}


def outer(encrypt: str, *, xml: bool) -> bytes:
    if xml:
        return f"<xml><ToUserName>gh</ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()
    return b'{"ToUserName":"gh","Encrypt":' + json.dumps(encrypt).encode() + b"}"


def check(message: PushedMessage) -> None:
    """What every reader of a message relies on, and what the database can hold."""
    texts = [message.dedupe_key, message.kind, message.event, message.open_id, message.content]
    for item in message.items:
        texts += [*item, *item.values()]
    if any("\0" in text for text in texts):
        raise Wrong("a NUL")
    "".join(texts).encode()
    if not message.kind or not message.open_id or not 0 <= message.created_at < 10**10:
        raise Wrong("something is missing")
    if max(len(message.kind), len(message.event) - 20) > 40 or len(message.dedupe_key) > 210:
        raise Wrong("longer than its column")


def _attempt(push: WeChatPush, query: Mapping[str, str], body: bytes) -> PushedMessage | None:
    try:
        message = push.decode(query, body)
    except CallbackRejected:
        return None
    check(message)
    return message


# --- WeChat -----------------------------------------------------------------------------------------------------------

Decoder = Callable[[Opened], WeChatPush]


def sealed(make: Decoder) -> Lane:
    """The bytes are the message, honestly sealed: it always opens, as it was sealed."""
    platform, opened = Platform(), Opened()
    push = make(opened)

    def run(data: bytes) -> None:
        opened.marks.clear()
        xml, message = data[:1] < b"\x80", data[1:]
        encrypt = platform.cipher.encrypt(message, RANDOM)
        _attempt(push, platform.query(encrypt), outer(encrypt, xml=xml))
        if opened.marks != [hashlib.sha256(message).digest()]:
            raise Wrong("an honest envelope did not open, or as something else")

    return Lane(run, tuple(first + m for m in samples.inner() for first in (b"\0", b"\xff")), opened)


def members(make: Decoder) -> Lane:
    """The bytes choose members and values of a message, which is then sealed: in JSON and XML it reads the same."""
    platform, opened = Platform(), Opened()
    push = make(opened)

    def run(data: bytes) -> None:
        message = dict(_members(data))
        found = []
        for text in (samples.as_json(message), samples.as_xml(message)):
            encrypt = platform.cipher.encrypt(text.encode("utf-8", "replace"), RANDOM)
            found.append(_attempt(push, platform.query(encrypt), outer(encrypt, xml=False)))
        if None not in found and found[0] != found[1] and _plain(message):
            raise Wrong("JSON and XML differ")

    corpus = [bytes([n, 9, 200 + n % 40, 17 * n % 256]) * 4 for n in range(40)]
    return Lane(run, tuple(corpus), opened)


VALUES: tuple[object, ...] = (
    *samples.HOLDERS,
    *samples.NASTY,
    *(message["MsgType"] for message in samples.messages()),
    *(message["List"] for message in samples.messages() if "List" in message),
    samples.HEAD["FromUserName"],
    samples.HEAD["CreateTime"],
    str(samples.HEAD["CreateTime"]),
    0,
    -1,
    2**64 - 1,
    10**25,
    None,
    True,
    1.5,
    "",
    " \n",
    {"List": []},
    [[]],
    {},
)


def _members(data: bytes) -> Iterator[tuple[str, object]]:
    """A whole message first, then changes: pairs of (which member, which value); from 240 on a text of the bytes."""
    whole = samples.messages()
    yield from whole[data[0] % len(whole)].items() if data else ()
    for at in range(1, len(data) - 1, 2):
        value = VALUES[data[at + 1] % len(VALUES)] if data[at + 1] < 240 else data[at:].decode("utf-8", "ignore")
        yield samples.MEMBERS[data[at] % len(samples.MEMBERS)], value


def _plain(message: Mapping[str, object]) -> bool:
    """Whether both forms can say it: XML trims blanks, holds no control characters and knows no empty list, and a
    holder is looked for before a list.
    """
    texts = [v for v in message.values() if isinstance(v, str)]
    lists = [m["List"] for m in samples.messages() if "List" in m] + [None]
    sayable = not set(message) & set(samples.HOLDERS.values()) and message.get("List") in lists
    return sayable and all(t.strip() == t and t.isprintable() for t in texts)


def envelope(make: Decoder) -> Lane:
    """The bytes are what lies under the encryption, or the text of Encrypt itself; the signature is right. Whatever
    opens, the other implementation opens alike.
    """
    platform, opened = Platform(), Opened()
    push = make(opened)

    def run(data: bytes) -> None:
        opened.marks.clear()
        kind, rest = data[:1], data[1:]
        if kind < b"\xc0":
            encrypt = platform.encrypted(_blocks(rest) if kind < b"\x80" else rest[: len(rest) // 16 * 16])
        else:
            encrypt = rest.decode("utf-8", "replace")
        _attempt(push, platform.query(encrypt), outer(encrypt, xml=False))
        if opened.marks:
            _same_opening(platform, encrypt, opened.marks[-1])

    return Lane(run, tuple(_envelopes(platform)), opened)


def _same_opening(platform: Platform, encrypt: str, mark: bytes) -> None:
    try:
        found = platform.cipher.decrypt(encrypt)
    except BadCiphertext:
        raise Wrong("opened what is not in the layout") from None
    if found.app_id != APP_ID or hashlib.sha256(found.message).digest() != mark:
        raise Wrong("opened as something else, or for another app")


def _blocks(rest: bytes) -> bytes:
    """Length, app id and padding right unless the bytes say otherwise: first padding, then length, then the message."""
    shift, short, message = rest[:1] or b"\0", rest[1:2] or b"\0", rest[2:]
    length = max(0, len(message) + (short[0] - 128 if short[0] > 200 else 0))
    plain = RANDOM + length.to_bytes(4, "big") + message + APP_ID.encode()
    pad = 32 - len(plain) % 32
    told = shift[0] % 40 if shift[0] > 200 else pad
    return plain + bytes([pad]) * (pad - 1) + bytes([told])


def _envelopes(platform: Platform) -> Iterator[bytes]:
    for message in samples.inner():
        yield b"\0\0\0" + message
        yield b"\0\0\xf0" + message
        yield b"\xc0" + platform.cipher.encrypt(message, RANDOM).encode()
        yield b"\xc0" + platform.cipher.encrypt(message, RANDOM, "wx9999999999999999").encode()


def forged(make: Decoder) -> Lane:
    """The bytes are a whole request without the keys: nothing is read but what WeChat itself sealed before."""
    platform, opened = Platform(), Opened()
    push = make(opened)
    honest, corpus = set(), []
    for message in samples.inner():
        encrypt = platform.cipher.encrypt(message, RANDOM)
        query = platform.query(encrypt)
        plain = platform.cipher.signature(STAMP, NONCE)
        lines = [STAMP, NONCE, query["msg_signature"], plain, "aes"]
        corpus.append("\n".join(lines).encode() + b"\n" + outer(encrypt, xml=message[:1] == b"<"))
        corpus.append("\n".join([*lines[:4], "raw"]).encode() + b"\n" + message)
        honest.add(hashlib.sha256(message).digest())

    def run(data: bytes) -> None:
        opened.marks.clear()
        told = data.split(b"\n", 5)
        names = ("timestamp", "nonce", "msg_signature", "signature", "encrypt_type")
        query = {name: value.decode("utf-8", "replace") for name, value in zip(names, told, strict=False)}
        read = _attempt(push, query, told[5] if len(told) > 5 else b"")
        if not honest.issuperset(opened.marks) or (read is not None and not opened.marks):
            raise Wrong("read what nobody sealed")

    return Lane(run, tuple(corpus), opened)


# --- Alipay -----------------------------------------------------------------------------------------------------------


def _alter(form: dict[str, str], choice: int) -> None:
    """Another value, one more, one fewer, or another signature."""
    name = sorted(form)[choice // 4 % len(form)]
    match choice % 4:
        case 0:
            form[name] += "x"
        case 1:
            form["x" + max(form)] = "1"
        case 2:
            del form[name]
        case _:
            form["sign"] = form["sign"][1:] + form["sign"][:1]


Notify = Callable[[str], AlipayNotify]


def alipay(make: Notify) -> Lane:
    """The bytes are a form, honestly signed as V1 or V2 and sometimes altered afterwards: what was signed is read,
    what was altered is not.
    """
    key, opened = rsa.generate_private_key(65537, 2048), Opened()
    notify = make(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())

    def run(data: bytes) -> None:
        choice, pairs = data[:1] or b"\0", parse_qsl(data[1:].decode("utf-8", "replace"), keep_blank_values=True)
        bare = {k: v for k, v in pairs[:MOST_FIELDS] if k not in ("sign", "sign_type")}
        covered = {**bare, "sign_type": "RSA2"} if choice[0] & 1 else bare
        text = "&".join(f"{k}={v}" for k, v in sorted(covered.items()))
        form = {**bare, "sign_type": "RSA2", "sign": rsa2_sign(key, text)}
        if altered := choice[0] & 6 == 6:
            _alter(form, choice[0] >> 3)
        try:
            read: Mapping[str, str] | None = notify.decode(form)
        except CallbackRejected as refusal:
            read = None
            if refusal.code == "callback_signature" and not altered:
                raise Wrong("an honest signature was refused") from None
            opened.count += refusal.code != "callback_signature"
        if read is None:
            return
        opened.count += 1
        if altered or read != covered or read["app_id"] != ALIPAY_APP or not read["notify_id"]:
            raise Wrong("read what was not signed, or not for us")

    return Lane(run, tuple(bytes([n]) + form for form in samples.forms(ALIPAY_APP) for n in (0, 1, 6, 7)), opened)
