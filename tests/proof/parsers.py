"""Everything that reads what strangers send, fed with noise and damaged good pieces. Only declared exceptions pass."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.errors import Invalid, TooLarge, Unavailable
from app.imports import bundle, cohort
from app.people import rules as people_rules
from app.ports import CallbackRejected
from miniprogram_api.door import read_cursor
from miniprogram_api.sessions import FramesIn, read_frames
from providers.alipay.envelope import members, signed_node
from providers.alipay.notify import AlipayNotifications
from providers.documents import ChildDocumentCleaner
from providers.wechat.push import WeChatPushDecoder
from tests.fakes import FakeClock
from tests.providers import document_zoo

NOW = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
TOKEN, APP_ID, AES_KEY = "proof-token", "wx0123456789abcdef", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
NASTY = st.sampled_from(
    ["", "\0", "\ud800", "]]>", "&x;", "{", "}", '"', "\\", "0" * 400, "1e999", "NaN", "中", "\u202e"]
)
TEXT = st.text(max_size=40) | NASTY
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True, slots=True)
class Target:
    """``declared``: what it may raise, by its own docstring. ``weight``: its share of the examples."""

    name: str
    inputs: st.SearchStrategy[Any]
    run: Callable[[Any], object]
    declared: tuple[type[Exception], ...]
    weight: float = 1.0


@st.composite
def damaged(draw: st.DrawFn, good: Sequence[bytes]) -> bytes:
    """One of the good pieces with some bytes changed, cut out, doubled or added."""
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["flip", "cut", "double", "add"])):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "double":
                data[at:at] = data[at : at + 40]
            case _:
                data[at:at] = draw(st.binary(max_size=12))
    return bytes(data)


# --- platforms --------------------------------------------------------------------------------------------------------

PUSH_MEMBERS = ("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "MsgId", "Content", "List")
PUSH = st.dictionaries(st.sampled_from(PUSH_MEMBERS) | TEXT, JSON, max_size=9)


def _xml(message: Mapping[str, Any]) -> bytes:
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in message.items())
    return f"<xml>{inner}</xml>".encode(errors="replace")


def _push_query() -> dict[str, str]:
    timestamp, nonce = str(int(NOW.timestamp())), "nonce"
    signature = hashlib.sha1("".join(sorted([TOKEN, timestamp, nonce])).encode()).hexdigest()
    return {"timestamp": timestamp, "nonce": nonce, "signature": signature}


def _plain_push(body: bytes) -> object:
    return WeChatPushDecoder(APP_ID, TOKEN, None, FakeClock(NOW)).decode(_push_query(), body)


def _secure_push(text: str) -> object:
    """Noise that was really encrypted and signed, so that it reaches the inner parser."""
    decoder = WeChatPushDecoder(APP_ID, TOKEN, AES_KEY, FakeClock(NOW))
    text = text.encode(errors="replace").decode()
    sealed = json.loads(decoder.encrypt_reply_json(text, int(NOW.timestamp()), "nonce"))
    query = {**_push_query(), "encrypt_type": "aes", "msg_signature": sealed["MsgSignature"]}
    return decoder.decode(query, json.dumps({"Encrypt": sealed["Encrypt"]}).encode())


def _alipay() -> tuple[AlipayNotifications, Callable[[Mapping[str, str]], dict[str, str]]]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def signed(form: Mapping[str, str]) -> dict[str, str]:
        bare = {k: v for k, v in form.items() if k not in ("sign", "sign_type")}
        text = "&".join(f"{k}={bare[k]}" for k in sorted(bare)).encode(errors="replace")
        sign = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {**bare, "sign": _base64(sign), "sign_type": "RSA2"}

    return AlipayNotifications("2021000000000000", pem), signed


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _same_members(value: dict[str, Any]) -> None:
    """The brace matcher and the JSON parser must agree on every good object."""
    body = json.dumps(value).encode()
    found = {name: json.loads(raw) for name, raw in members(body).items()}
    if json.dumps(found) != json.dumps(json.loads(body)):
        raise AssertionError("the brace matcher reads another object")


REPLIES = [
    b'{"alipay_system_oauth_token_response":{"open_id":"0a}{","access_token":"\\/b\\""},"sign":"c2ln"}',
    b'{ "error_response" : {"code":"20000","sub_code":"isp.unknow-error"} }',
    b'{"alipay_system_oauth_token_response":"cXVvdGVk","sign":"c2ln","alipay_cert_sn":"x"}',
]


# --- our own doors ----------------------------------------------------------------------------------------------------

FRAME = st.fixed_dictionaries(
    {
        "action": st.integers(-1, 11) | JSON,
        "at_ms": st.integers(-1, 700_000) | JSON,
        "mac": st.text("0123456789abcdef", min_size=64, max_size=64) | TEXT,
        "image": st.binary(max_size=40).map(_base64) | TEXT,
    }
)
CLIPS = st.fixed_dictionaries({"frames": st.lists(FRAME, max_size=4)}) | JSON


def _frames(value: Any) -> object:
    return read_frames(FramesIn.model_validate(value))


def _csv() -> bytes:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["学号", "姓名", "身份证号", "手机号", "学院", "专业", "毕业年份", "学历层次"])
    rows.writerow(["20220001", "测试甲", "11010520040315001X", "13800130001", "文学院", "档案学", "2026", "本科"])
    return out.getvalue().encode("utf-8-sig")


def _xlsx() -> bytes:
    book, out = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet()
    for row in csv.reader(io.StringIO(_csv().decode("utf-8-sig"))):
        sheet.append(row)
    book.save(out)
    return out.getvalue()


def _zip(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _import(data: bytes) -> object:
    """All that is read of an upload before the database is touched."""
    found = cohort.Cohort(bundle.open_upload("名单.csv", data), {}, NOW.date())
    found.survey()
    read: list[object] = [found.photos] if found.photos_alone else list(found.graduates())
    for table in found.further_tables:
        read += found.further(table)
    return read


def _people(text: str) -> object:
    return (
        people_rules.id_number_fault(text, date(2026, 6, 1)),
        people_rules.name_fault(text),
        people_rules.normalise_phone(text),
        people_rules.normalise_student_number(text),
        people_rules.mask_name(text),
        people_rules.mask_phone(text),
        people_rules.mask_id_number(text),
    )


def _planted(data: bytes) -> None:
    if len(data) > 3 and data[1] & 1:
        raise KeyError("planted")


def targets() -> list[Target]:
    alipay, signed = _alipay()
    cleaner = ChildDocumentCleaner(2 * 1024 * 1024, wall_s=20)
    documents = [
        document_zoo.jpeg_with_metadata(6),
        document_zoo.encoded(document_zoo.picture(), "PNG"),
        document_zoo.tiff(2),
        document_zoo.busy_pdf(),
        document_zoo.ofd(),
        document_zoo.png_bomb(30_000),
    ]
    forms = st.dictionaries(TEXT, TEXT, max_size=8)
    uploads = [
        _csv(),
        _xlsx(),
        _zip(("graduates.csv", _csv()), ("photos/20220001.jpg", b"\xff\xd8")),
        _zip(("a/b", b"")),
    ]
    rejected = (CallbackRejected,)
    return [
        Target("WeChat push, JSON", PUSH.map(lambda m: json.dumps(m).encode()), _plain_push, rejected),
        Target("WeChat push, XML", PUSH.map(_xml) | st.binary(max_size=200), _plain_push, rejected),
        Target("WeChat push, encrypted", (PUSH.map(json.dumps) | TEXT), _secure_push, rejected),
        Target("Alipay notify, unsigned", forms, alipay.decode, rejected),
        Target("Alipay notify, signed", forms, lambda f: alipay.decode(signed(f)), rejected, 0.5),
        Target(
            "Alipay reply",
            damaged(REPLIES) | st.binary(max_size=100),
            lambda b: signed_node(b, "alipay.system.oauth.token"),
            (ValueError,),
        ),
        Target(
            "Alipay reply, good objects", st.dictionaries(st.text(max_size=20), JSON, min_size=1), _same_members, ()
        ),
        Target("cursor", TEXT | st.from_regex(r"[A-Za-z0-9_-]{0,64}", fullmatch=True), read_cursor, (Invalid,)),
        Target("frames", CLIPS, _frames, (Invalid, ValidationError)),
        Target("people's numbers", TEXT | st.from_regex(r"[0-9]{17}[0-9Xx]", fullmatch=True), _people, ()),
        Target("import", damaged(uploads) | st.binary(max_size=200), _import, (Invalid, TooLarge)),
        Target("documents", damaged(documents), cleaner.clean, (Invalid, TooLarge, Unavailable), 0.06),
    ]


def feed(target: Target, number: int, examples: int) -> tuple[int, str]:
    """(inputs tried, what went wrong: '' when nothing did)."""
    tried = 0

    @seed(number)
    @settings(
        max_examples=max(6, int(examples * target.weight)),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    @given(target.inputs)
    def one(value: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            target.run(value)
        except target.declared:
            return

    try:
        one()
    except Exception as error:
        return tried, f"{target.name}: {type(error).__name__}: {str(error)[:300]}"
    return tried, ""


def planted_is_found(number: int) -> bool:
    return bool(feed(Target("planted", st.binary(max_size=20), _planted, ()), number, 200)[1])
