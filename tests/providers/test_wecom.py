from __future__ import annotations

import logging
import traceback

import pytest

from app.ports import SendFailed, SendFault, StaffAlerts
from providers.wecom import MAX_BYTES, PER_MINUTE, REST_S, WeComRobot, fit_bytes
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, FakeClock, FakeServer, as_json, closed_port_url

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
OK = as_json({"errcode": 0, "errmsg": "ok"})


def robot(server: FakeServer, clock: FakeClock | None = None) -> WeComRobot:
    return WeComRobot(server.url + "/wecom/", KEY, clock=clock or FakeClock(), timeout_s=0.5)


def fault_of(alerts: StaffAlerts) -> tuple[SendFault, str]:
    with pytest.raises(SendFailed) as caught:
        alerts.alert("待办 3 件")
    return caught.value.fault, caught.value.reason


def test_a_line_goes_out(platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: OK
    robot(platform_server).alert("待办 3 件")
    asked = platform_server.seen[0]
    assert (asked.method, asked.path, asked.query) == ("POST", "/wecom/cgi-bin/webhook/send", {"key": KEY})
    assert asked.json == {"msgtype": "text", "text": {"content": "待办 3 件"}}
    assert "待办" in asked.body.decode()


@pytest.mark.parametrize(
    "text", ["", "a" * 2048, "字" * 682, "字" * 683, "a" + "字" * 700, "😀" * 600, "\ud800" * 3000]
)
def test_bytes_are_counted_and_no_character_is_halved(text: str) -> None:
    fitted = fit_bytes(text)
    assert len(fitted.encode()) <= MAX_BYTES
    whole = text.encode(errors="replace").decode()
    assert fitted == whole if len(whole.encode()) <= MAX_BYTES else whole.startswith(fitted[:-1])
    assert len(whole.encode()) <= MAX_BYTES or (fitted.endswith("…") and len(fitted.encode()) > MAX_BYTES - 4)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (as_json({"errcode": 45009, "errmsg": "api freq out of limit"}), (SendFault.LATER, "45009")),
        (as_json({"errcode": 93000, "errmsg": "invalid webhook url"}), (SendFault.CONFIG, "93000")),
        (as_json({"errcode": -1}), (SendFault.RETRY, "-1")),
        (as_json({"errcode": 12345}), (SendFault.CONFIG, "12345")),
        (as_json({"ok": True}), (SendFault.UNKNOWN, "not_json")),
        (as_json({"errcode": "0"}), (SendFault.UNKNOWN, "not_json")),
        (as_json({"errcode": False}), (SendFault.UNKNOWN, "not_json")),
        (as_json([]), (SendFault.UNKNOWN, "not_json")),
        (HTML, (SendFault.UNKNOWN, "not_json")),
        (Answer(b"[" * 100_000), (SendFault.UNKNOWN, "not_json")),
        (SILENT, (SendFault.UNKNOWN, "no_answer")),
        (RESET, (SendFault.UNKNOWN, "connection")),
        (Answer(b"", status=500), (SendFault.UNKNOWN, "http_500")),
    ],
)
def test_every_failure_has_its_fault(platform_server: FakeServer, answer: Answer, fault: tuple[SendFault, str]) -> None:
    platform_server.answer = lambda seen: answer
    assert fault_of(robot(platform_server)) == fault
    assert len(platform_server.seen) == 1


def test_never_connected_may_be_retried() -> None:
    assert fault_of(WeComRobot(closed_port_url(), KEY, clock=FakeClock()))[0] is SendFault.RETRY


def test_the_twenty_first_line_of_a_minute_waits(platform_server: FakeServer, fake_clock: FakeClock) -> None:
    platform_server.answer = lambda seen: OK
    alerts = robot(platform_server, fake_clock)
    for _ in range(PER_MINUTE):
        alerts.alert("x")
    assert fault_of(alerts) == (SendFault.LATER, "local_limit")
    assert len(platform_server.seen) == PER_MINUTE
    fake_clock.forward(60)
    alerts.alert("x")
    assert len(platform_server.seen) == PER_MINUTE + 1


def test_after_a_limit_the_whole_minute_is_waited_out(platform_server: FakeServer, fake_clock: FakeClock) -> None:
    platform_server.answer = lambda seen: as_json({"errcode": 45009})
    alerts = robot(platform_server, fake_clock)
    assert fault_of(alerts) == (SendFault.LATER, "45009")
    platform_server.answer = lambda seen: OK
    fake_clock.forward(REST_S - 1)
    assert fault_of(alerts) == (SendFault.LATER, "local_limit")
    fake_clock.forward(2)
    alerts.alert("x")
    assert len(platform_server.seen) == 2


@pytest.mark.parametrize("answer", [SILENT, HTML, as_json({"errcode": 93000, "errmsg": f"bad key {KEY}"}), None])
def test_the_key_is_never_told(
    platform_server: FakeServer, caplog: pytest.LogCaptureFixture, answer: Answer | None
) -> None:
    caplog.set_level(logging.DEBUG)
    platform_server.answer = lambda seen: answer or OK
    url = platform_server.url if answer else closed_port_url()
    with pytest.raises(SendFailed) as caught:
        WeComRobot(url, KEY, clock=FakeClock(), timeout_s=0.3).alert("x")
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert KEY not in told
