"""SMS against the sandbox's vendor over HTTP, and against answers no honest vendor gives."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from app.letter_ports import SmsKind
from app.ports import SendFailed, SendFault
from notifications.catalogue.fields import sms_text, sms_values
from notifications.catalogue.preview import sample
from providers.sandbox.config import SandboxConfig
from providers.sandbox.server import running_sandbox
from providers.sandbox.setup import read_environment_file, write_demo_environment
from providers.sms import SmsAccount, SmsGateway
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, FakeServer, as_json, closed_port_url

PHONE, SECRET = "13912345678", "not-to-be-seen"
NOTICE = {"subject": "档案转递", "state": "已签收", "check": "ABCDEFGH"}


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, SmsAccount]]:
    """(address, account) of a running sandbox."""
    folder: Path = tmp_path_factory.mktemp("sms")
    told = read_environment_file(write_demo_environment(folder, 1, "http://x"))
    account = SmsAccount(
        told["LANTAI_SMS_ACCESS_KEY"],
        told["LANTAI_SMS_SECRET"],
        told["LANTAI_SMS_SIGN_NAME"],
        {kind: told[f"LANTAI_SMS_TEMPLATE_{kind.value.upper()}"] for kind in SmsKind},
    )
    with running_sandbox(SandboxConfig.from_environment(told)) as address:
        yield address, account


@pytest.fixture
def gateway(vendor: tuple[str, SmsAccount]) -> SmsGateway:
    return SmsGateway(f"{vendor[0]}/sms", vendor[1], clock=Now())


def arrived(vendor: tuple[str, SmsAccount], phone: str) -> list[str]:
    messages = requests.get(f"{vendor[0]}/control/sms", timeout=5).json()["messages"]
    return [m["content"] for m in messages if m["phone"] == phone]


def fault_of(gateway: SmsGateway, **changes: object) -> tuple[SendFault, str]:
    given = {"to": PHONE, "kind": SmsKind.NOTICE, "values": NOTICE, **changes}
    with pytest.raises(SendFailed) as caught:
        gateway.send(given["to"], given["kind"], given["values"], request_id="r" * 32)  # type: ignore[arg-type]
    told = "".join(traceback.format_exception(caught.value))
    assert PHONE not in told
    assert SECRET not in told
    return caught.value.fault, caught.value.reason


def test_texts_arrive_once_per_request(gateway: SmsGateway, vendor: tuple[str, SmsAccount]) -> None:
    first = gateway.send(PHONE, SmsKind.NOTICE, NOTICE, request_id="a" * 32)
    assert gateway.send(PHONE, SmsKind.NOTICE, NOTICE, request_id="a" * 32) == first
    other = gateway.send(PHONE, SmsKind.CODE, {"code": "012345", "minutes": "10"}, request_id="b" * 32)
    assert other != first
    one, code = arrived(vendor, PHONE)
    assert one == "【兰台大学】档案转递（已签收），请进入小程序查看。核验码ABCDEFGH"
    assert "012345" in code
    calls = requests.get(f"{vendor[0]}/control/calls", timeout=5).text
    assert PHONE not in calls
    assert "012345" not in calls
    page = requests.get(f"{vendor[0]}/letters", timeout=5)
    assert page.status_code == 200
    assert one in page.text


def test_a_notice_fits_the_approved_template(gateway: SmsGateway, vendor: tuple[str, SmsAccount]) -> None:
    text, phone = sample("account.rebound"), "13800000001"
    assert text is not None
    gateway.send(phone, SmsKind.NOTICE, sms_values(text, "ABCDEFGH"), request_id="c" * 32)
    assert arrived(vendor, phone) == [sms_text(text, vendor[1].sign_name, "ABCDEFGH")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret": "wrong"}, "SIGNATURE_WRONG"),
        ({"access_key": "other"}, "SIGNATURE_WRONG"),
        ({"sign_name": "别的学校"}, "SIGN_NAME_UNKNOWN"),
        ({"templates": dict.fromkeys(SmsKind, "SMS_1")}, "TEMPLATE_UNKNOWN"),
    ],
)
def test_a_wrong_account_is_a_matter_of_configuration(
    changes: dict[str, object], code: str, vendor: tuple[str, SmsAccount]
) -> None:
    made = SmsGateway(f"{vendor[0]}/sms", replace(vendor[1], **changes), clock=Now())  # type: ignore[arg-type]
    assert fault_of(made) == (SendFault.CONFIG, code)


def test_values_and_numbers_the_vendor_refuses(gateway: SmsGateway) -> None:
    assert fault_of(gateway, to="12345678901") == (SendFault.RECIPIENT, "PHONE_INVALID")
    assert fault_of(gateway, values={"subject": "只有一半"}) == (SendFault.CONTENT, "VALUE_REFUSED")
    for value in ("字" * 36, "换\n行"):
        assert fault_of(gateway, values={**NOTICE, "subject": value}) == (SendFault.CONTENT, "value_rule")


def test_a_replayed_or_old_request_is_refused(vendor: tuple[str, SmsAccount], monkeypatch: pytest.MonkeyPatch) -> None:
    class LastYear:
        def now(self) -> datetime:
            return datetime(2025, 1, 1, tzinfo=UTC)

    made = SmsGateway(f"{vendor[0]}/sms", vendor[1], clock=LastYear())
    assert fault_of(made) == (SendFault.CONFIG, "SIGNATURE_WRONG")
    monkeypatch.setattr("providers.sms.secrets.token_hex", lambda n: "0" * 2 * n)
    again = SmsGateway(f"{vendor[0]}/sms", vendor[1], clock=Now())
    again.send(PHONE, SmsKind.NOTICE, NOTICE, request_id="c" * 32)
    assert fault_of(again) == (SendFault.CONFIG, "SIGNATURE_WRONG")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (as_json({"code": "BUSY"}), (SendFault.RETRY, "BUSY")),
        (as_json({"code": "DAILY_LIMIT"}), (SendFault.LATER, "DAILY_LIMIT")),
        (as_json({"code": "PHONE_LIMIT"}), (SendFault.FULL, "PHONE_LIMIT")),
        (as_json({"code": "WHATEVER"}), (SendFault.CONFIG, "WHATEVER")),
        (as_json({"code": "余额不足"}), (SendFault.CONFIG, "unknown_code")),
        (as_json({"code": 0}), (SendFault.UNKNOWN, "not_json")),
        (as_json([]), (SendFault.UNKNOWN, "not_json")),
        (HTML, (SendFault.UNKNOWN, "not_json")),
        (Answer(b"[" * 100_000), (SendFault.UNKNOWN, "not_json")),
        (SILENT, (SendFault.UNKNOWN, "no_answer")),
        (RESET, (SendFault.UNKNOWN, "connection")),
        (Answer(b"", status=500), (SendFault.UNKNOWN, "http_500")),
    ],
)
def test_what_each_answer_means(answer: Answer, fault: tuple[SendFault, str], platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: answer
    account = SmsAccount("key", SECRET, "兰台大学", dict.fromkeys(SmsKind, "SMS_1"))
    assert fault_of(SmsGateway(platform_server.url, account, clock=Now(), timeout_s=0.5)) == fault


def test_a_vendor_that_is_away_is_asked_again() -> None:
    account = SmsAccount("key", SECRET, "兰台大学", dict.fromkeys(SmsKind, "SMS_1"))
    assert fault_of(SmsGateway(closed_port_url(), account, clock=Now(), timeout_s=0.5)) == (
        SendFault.RETRY,
        "unreachable",
    )
