"""The EMS client against a server whose every answer the test decides."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.carrier_ports import Carrier, CarrierCode
from app.errors import NotFound, Unavailable
from providers.carriers import dialect
from providers.carriers.ems import MAX_EVENTS, TRIES, Ems
from tests.providers.fake_server import DRIP, HTML, RESET, SILENT, Answer, FakeClock, FakeServer, as_json

NUMBER, SECRET = "EA123456785CN", "s" * 40
LINE = {
    "traceId": "T1",
    "opTime": "2026-06-03 09:30:00",
    "opCode": "SIGNED",
    "opOrgName": "滨海",
    "opDesc": "已签收",
    "signer": "收发室",
}


def ems(server: FakeServer, spoken: dialect.Dialect | None = None) -> Carrier:
    return Ems(f"{server.url}/ems/", "app-1", SECRET, spoken or dialect.load(), clock=FakeClock(), timeout_s=0.5)


def answered(*lines: Any, number: Any = NUMBER, **more: Any) -> Answer:
    return as_json({"code": "0", "message": "ok", "data": {"waybillNo": number, "traces": list(lines)}, **more})


def test_a_query_is_signed_and_the_number_is_in_the_body_only(platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: answered(LINE)
    events = ems(platform_server).track(NUMBER)
    [event] = events
    assert (event.at, event.code) == (datetime(2026, 6, 3, 1, 30, tzinfo=UTC), CarrierCode.DELIVERED)
    assert (event.event_id, event.place, event.words, event.signer) == ("T1", "滨海", "已签收", "收发室")
    assert not any(word in repr(event) for word in ("T1", "滨海", "收发室"))
    [asked] = platform_server.seen
    assert (asked.method, asked.path, asked.query) == ("POST", "/ems/track/query", {})
    body = asked.json
    sign = body.pop("sign")
    plain = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert sign == hmac.new(SECRET.encode(), plain, hashlib.sha256).hexdigest()
    assert (body["appId"], body["waybillNo"], body["timestamp"]) == ("app-1", NUMBER, 1_760_000_000_000)
    assert SECRET not in asked.body.decode()


def test_every_try_has_a_nonce_of_its_own(platform_server: FakeServer) -> None:
    answers = [RESET, answered()]
    platform_server.answer = lambda seen: answers.pop(0)
    assert ems(platform_server).track(NUMBER) == []
    assert len({seen.json["nonce"] for seen in platform_server.seen}) == TRIES


def test_what_is_not_known_and_what_is_only_an_unknown_word(platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: as_json({"code": "WAYBILL_NOT_FOUND"})
    with pytest.raises(NotFound):
        ems(platform_server).track(NUMBER)
    platform_server.answer = lambda seen: answered({**LINE, "opCode": "海关查验"})
    assert [e.code for e in ems(platform_server).track(NUMBER)] == [CarrierCode.EXCEPTION]


def test_a_signer_is_kept_with_a_delivery_only_and_control_characters_go(platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: answered({**LINE, "opCode": "ARRIVE", "opDesc": " 到\x00达\x1b[31m\u202e "})
    [event] = ems(platform_server).track(NUMBER)
    assert (event.signer, event.words) == ("", "到达[31m")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HTML, "not_json"),
        (as_json([]), "not_json"),
        (Answer(b"[" * 100_000), "not_json"),
        (as_json({}), "refused"),
        (as_json({"code": "SYSTEM_BUSY"}), "refused"),
        (as_json({"code": False, "data": {"waybillNo": NUMBER, "traces": []}}), "refused"),
        (as_json({"code": ["0"]}), "refused"),
        (answered(LINE, number="EA123456799CN"), "another_number"),
        (answered(LINE, number=None), "another_number"),
        (as_json({"code": "0", "data": []}), "another_number"),
        (as_json({"code": "0", "data": {"waybillNo": NUMBER, "traces": {}}}), "malformed"),
        (answered("x"), "malformed"),
        (answered({**LINE, "traceId": 7}), "malformed"),
        (answered({**LINE, "traceId": "  "}), "malformed"),
        (answered({**LINE, "opTime": "2026-13-01 00:00:00"}), "malformed"),
        (answered({**LINE, "opTime": 1}), "malformed"),
        (answered({**LINE, "opTime": "1970-01-01 00:00:00"}), "malformed"),
        (answered({**LINE, "opTime": "0001-01-01 00:00:00"}), "malformed"),
        (answered({**LINE, "opCode": None}), "malformed"),
        (answered({**LINE, "opDesc": "长" * 401}), "malformed"),
        (answered({**LINE, "opOrgName": ["x"]}), "malformed"),
        (answered(*[{**LINE, "traceId": f"T{n}"} for n in range(MAX_EVENTS + 1)]), "malformed"),
        (Answer(b" " * (600 * 1024)), "too_long"),
        (Answer(b"{}", status=500), "http_500"),
        (Answer(b"{}", status=302, headers={"Location": "http://127.0.0.1:1/"}), "http_302"),
        (Answer(b"{}", status=403), "http_403"),
        (RESET, "connection"),
        (SILENT, "no_answer"),
        (DRIP, "no_answer"),
    ],
)
def test_no_answer_but_a_whole_and_right_one_is_used(
    platform_server: FakeServer, caplog: pytest.LogCaptureFixture, answer: Answer, reason: str
) -> None:
    caplog.set_level(logging.DEBUG)
    platform_server.answer = lambda seen: answer
    with pytest.raises(Unavailable) as caught:
        ems(platform_server).track(NUMBER)
    assert caught.value.params == {"provider": "ems", "reason": reason}
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not any(secret in told for secret in (NUMBER, SECRET, "EA1234"))


# --- dialects ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Callable[..., Path]:
    """The shipped dialect with some lines replaced."""

    def make(*changes: tuple[str, str]) -> Path:
        text = dialect.SHIPPED.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "dialect.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_a_contract_of_other_names_is_a_file(platform_server: FakeServer, other: Callable[..., Path]) -> None:
    spoken = dialect.load(
        other(
            ('"waybillNo"', '"mailNum"'),
            ('"data.waybillNo"', '"mailNum"'),
            ('"data.traces"', '"responseItems"'),
            ('"%Y-%m-%d %H:%M:%S"', '"ms"'),
            ('SIGNED = "delivered"', '"10" = "delivered"'),
            ('result = "code"', 'result = "success"'),
            ('ok = ["0"]', 'ok = ["1"]'),
        )
    )
    line = {**LINE, "opCode": "10", "opTime": 1_780_450_200_000}
    platform_server.answer = lambda seen: as_json({"success": 1, "mailNum": NUMBER, "responseItems": [line]})
    [event] = ems(platform_server, spoken).track(NUMBER)
    assert (event.code, event.at) == (CarrierCode.DELIVERED, datetime(2026, 6, 3, 1, 30, tzinfo=UTC))
    assert platform_server.seen[0].json["mailNum"] == NUMBER


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"Asia/Shanghai"', '"Asia/Nowhere"', "no such time zone"),
        ('SIGNED = "delivered"', 'SIGNED = "received"', "no such code of ours: received"),
        ('nonce = "nonce"', "", "request.nonce"),
        ('ok = ["0"]', "ok = []", "answer.ok"),
        ("[event]", "[event", "is no TOML"),
        ('path = "track/query"', 'path = "track?x=1"', "request.path"),
        ('signer = "signer"', 'signer = "signer"\nphone = "phone"', "event.phone"),
    ],
)
def test_a_dialect_that_cannot_be_used_says_why(other: Callable[..., Path], old: str, new: str, fault: str) -> None:
    with pytest.raises(dialect.DialectInvalid) as caught:
        dialect.load(other((old, new)))
    assert fault in str(caught.value)


def test_a_dialect_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(dialect.DialectInvalid):
        dialect.load(tmp_path / "none.toml")
