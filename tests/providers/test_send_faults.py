"""Every refusal of the table, and every way of giving no usable answer, over HTTP from the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.ports import MessageSender, OutboundMessage, Platform, SendFailed, SendFault, StaffAlerts
from app.settings import load_settings
from notifications.fault_actions import ACTIONS, OTHERS, action_of
from providers import send_faults
from providers.embedded.children import free_port
from providers.embedded.services import ServiceUrls
from providers.keys import FileKeys
from providers.outside import build_outside
from providers.sandbox.config import SandboxConfig
from providers.sandbox.server import running_sandbox
from providers.sandbox.setup import read_environment_file, write_demo_environment

WECHAT, ALIPAY = "wechat:/cgi-bin/message/subscribe/send", "alipay:alipay.open.app.mini.templatemessage.send"
FIELDS = {
    Platform.WECHAT: {"thing1": "档案", "phrase2": "已更正", "date3": "2026年11月30日", "thing4": "请查看"},
    Platform.ALIPAY: {"keyword1": "档案", "keyword2": "已更正", "keyword3": "2026年11月30日"},
}
Suffer = Callable[..., None]
Sent = Callable[[Platform], SendFault | None]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(address, folder)."""
    folder, port = tmp_path_factory.mktemp("faults"), free_port()
    file = write_demo_environment(folder, port, "http://127.0.0.1:9")
    with running_sandbox(SandboxConfig.from_environment(read_environment_file(file)), port) as base:
        yield base, file


@pytest.fixture
def outside(sandbox: tuple[str, Path], tmp_path: Path, servers: ServiceUrls) -> Any:
    FileKeys.create(tmp_path / "keys")
    settings = load_settings(
        sandbox[1], environment="test", key_dir=tmp_path / "keys", data_dir=tmp_path, platform_timeout_s=0.5
    )
    return build_outside(settings, servers.redis_url), settings


@pytest.fixture
def suffer(sandbox: tuple[str, Path]) -> Iterator[Suffer]:
    control = f"{sandbox[0]}/control/faults"

    def put(target: str, kind: str, value: object = None, times: int = 1) -> None:
        body = {"target": target, "kind": kind, "value": value, "times": times}
        requests.post(control, json=body, timeout=5).raise_for_status()

    yield put
    requests.delete(control, timeout=5).raise_for_status()


@pytest.fixture
def sent(sandbox: tuple[str, Path], outside: Any) -> Sent:
    """What became of one message to a phone that has agreed: None, or the fault."""
    parts, settings = outside

    def send(platform: Platform) -> SendFault | None:
        template_id = getattr(settings, f"{platform.value}_template_ticket_decided")
        phone = {"platform": platform.value, "real_name": "测试", "id_number": "x", "phone_number": "13800138000"}
        made = requests.post(f"{sandbox[0]}/control/phones", json=phone, timeout=5).json()
        agreed = {"template_ids": [template_id], "wait": False}
        requests.post(f"{sandbox[0]}/control/phones/{made['id']}/subscribe", json=agreed, timeout=5).raise_for_status()
        sender: MessageSender = parts.senders[platform]
        try:
            sender.send(OutboundMessage(made["open_id"], template_id, "pages/a", FIELDS[platform]))
        except SendFailed as error:
            return error.fault
        return None

    return send


@pytest.mark.parametrize(("code", "fault"), [*send_faults.WECHAT.items(), (49999, SendFault.CONFIG)])
def test_each_code_of_wechat(code: int, fault: SendFault, suffer: Suffer, sent: Sent) -> None:
    """A token that is refused is replaced once; refused again it is trouble that passes."""
    twice = code in send_faults.TOKEN_TROUBLE
    suffer(WECHAT, "errcode", code, times=2 if twice else 1)
    assert sent(Platform.WECHAT) is fault
    if not twice:
        assert sent(Platform.WECHAT) is None


@pytest.mark.parametrize(
    ("code", "sub_code", "fault"),
    [
        *((send_faults.ALIPAY_BUSINESS, sub_code, fault) for sub_code, fault in send_faults.ALIPAY_SUB_CODES.items()),
        *((code, "isv.something-new", fault) for code, fault in send_faults.ALIPAY_CODES.items()),
        ("40006", "isv.insufficient-isv-permissions", SendFault.CONFIG),
    ],
)
def test_each_code_of_alipay(code: str, sub_code: str, fault: SendFault, suffer: Suffer, sent: Sent) -> None:
    suffer(ALIPAY, "sub_code", {"code": code, "sub_code": sub_code, "sub_msg": "x"})
    assert sent(Platform.ALIPAY) is fault
    assert sent(Platform.ALIPAY) is None


@pytest.mark.parametrize(
    ("kind", "value"), [("http_500", None), ("garbage", None), ("reset", None), ("reset", "after"), ("slow", 1.5)]
)
@pytest.mark.parametrize(("platform", "target"), [(Platform.WECHAT, WECHAT), (Platform.ALIPAY, ALIPAY)])
def test_without_a_usable_answer_it_may_have_arrived(
    platform: Platform, target: str, kind: str, value: object, suffer: Suffer, sent: Sent
) -> None:
    assert sent(platform) is None  # the access token is there, so that the fault meets the message
    suffer(target, kind, value)
    assert sent(platform) is SendFault.UNKNOWN


@pytest.mark.parametrize("kind", ["unsigned", "wrong_key"])
def test_an_answer_that_alipay_has_not_signed_is_none(kind: str, suffer: Suffer, sent: Sent) -> None:
    suffer(ALIPAY, kind)
    assert sent(Platform.ALIPAY) is SendFault.UNKNOWN


@pytest.mark.parametrize(("code", "fault"), [*send_faults.WECOM.items(), (49999, SendFault.CONFIG)])
def test_each_code_of_the_group_robot(code: int, fault: SendFault, suffer: Suffer, outside: Any) -> None:
    suffer("wecom", "errcode", code)
    robot: StaffAlerts = outside[0].alerts
    with pytest.raises(SendFailed) as refused:
        robot.alert("测试")
    assert refused.value.fault is fault


def test_every_fault_has_its_action_and_words() -> None:
    assert set(ACTIONS) == set(SendFault)
    for kind in (*(fault.value for fault in SendFault), *OTHERS):
        action = action_of(f"{kind}:123")
        assert action.words
        assert action.advice
    assert action_of("content:47003") is ACTIONS[SendFault.CONTENT]
    assert action_of("worker_lost") is OTHERS["worker_lost"]
