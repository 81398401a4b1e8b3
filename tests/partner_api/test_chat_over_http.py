"""The whole way of a chat: a phone in the sandbox, WeChat's push, our job, and the reply on the phone's screen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from notifications.chat import texts
from notifications.chat.desk import Look
from notifications.chat.models import Delivery
from notifications.chat.rules import MAX_PUSHED
from parts import Lantai
from providers.sandbox.clock import SandboxClock
from providers.sandbox.config import SandboxConfig
from providers.sandbox.server import HOST, create_sandbox, sandbox_server
from providers.sandbox.setup import read_environment_file, write_demo_environment
from providers.wechat.chat import WeChatChat
from providers.wechat.client import WeChatClient
from providers.wechat.push import WeChatPushDecoder
from tests.auth.conftest import Rebuild, rebuilt
from tests.conftest import StaffLogin, World

__all__ = ["rebuilt"]

PERSON = {"real_name": "王小兰", "id_number": "11010119990101001X", "phone_number": "13800000001"}


class Phone:
    """One phone of the sandbox."""

    def __init__(self, url: str, run_jobs: Callable[[], None]) -> None:
        self._url, self._run_jobs = url, run_jobs
        made = self.control("/phones", platform="wechat", **PERSON)
        self.id, self.open_id = str(made["id"]), str(made["open_id"])

    def control(self, path: str, **body: Any) -> Any:
        reply = requests.post(f"{self._url}/control{path}", json=body, timeout=10)
        reply.raise_for_status()
        return reply.json()

    def say(self, text: str, **style: Any) -> Any:
        """The delivery of the push; what follows from it is done."""
        delivery = self.control(f"/phones/{self.id}/say", text=text, **style)["delivery"]
        self._run_jobs()
        return delivery

    def enter(self) -> None:
        self.control(f"/phones/{self.id}/enter-chat")
        self._run_jobs()

    def replies(self) -> list[str]:
        screen = requests.get(f"{self._url}/control/phones/{self.id}/messages", timeout=10).json()["messages"]
        return [m["text"] for m in screen if m["kind"] == "custom"]


@pytest.fixture
def phone(world: World, rebuilt: Rebuild, tmp_path: Path, run_jobs: Callable[[], None]) -> Iterator[Phone]:
    told = read_environment_file(write_demo_environment(tmp_path / "sandbox", 1, "http://us"))
    app_id, clock = told["LANTAI_WECHAT_APP_ID"], world.clock
    token, aes = told["LANTAI_WECHAT_PUSH_TOKEN"], told["LANTAI_WECHAT_PUSH_AES_KEY"]
    door = rebuilt({"wechat_push": WeChatPushDecoder(app_id, token, aes, clock)})().http

    def to_us(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        split = urlsplit(url)
        reply = door.post(f"{split.path}?{split.query}", data=body, headers=dict(headers))
        return reply.status_code, reply.data

    config = SandboxConfig.from_environment(told | {"LANTAI_PUBLIC_URL": "http://us"})
    now = SandboxClock(lambda: clock.now().timestamp())
    server = sandbox_server(create_sandbox(config, clock=now, post=to_us), 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://{HOST}:{server.server_port}"
    client = WeChatClient(app_id, told["LANTAI_WECHAT_APP_SECRET"], clock=clock, base_url=f"{url}/wechat")
    world.chat.through = WeChatChat(client)
    try:
        yield Phone(url, run_jobs)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_question_is_answered_on_the_phone(phone: Phone, form: str) -> None:
    delivery = phone.say("我的檔案到哪裡了？", format=form)
    assert (delivery["state"], delivery["tries"]) == ("delivered", 1)
    assert phone.replies() == [texts.fitted(texts.NOT_BOUND)]


def test_entering_the_chat_is_greeted(phone: Phone) -> None:
    phone.enter()
    assert phone.replies() == [texts.fitted(texts.GREETING)]


@pytest.mark.parametrize("said", ["]]><x>&lt;", "长" * MAX_PUSHED + "尾", "👩\u200d🎓", "\x07"])
def test_odd_words_are_taken_in_and_answered(phone: Phone, said: str) -> None:
    assert phone.say(said, format="xml" if "\x07" not in said else "json")["state"] == "delivered"
    assert len(phone.replies()) == 1


def test_staff_reply_until_the_platforms_count_is_used_up(
    phone: Phone, lantai: Lantai, staff_factory: Callable[..., StaffLogin], run_jobs: Callable[[], None]
) -> None:
    staff = staff_factory().actor
    phone.say("转人工")
    ((line,), _) = lantai.chat_desk.listed(staff, Look.WAITING, offset=0, limit=5)
    lantai.chat_desk.take(staff, line.id, line.version)
    for number in range(5):
        lantai.chat_desk.reply(staff, line.id, line.version + 1 + number, f"答复 {number}")
        run_jobs()
    told = lantai.chat_desk.read(staff, line.id).messages
    assert [m.delivery for m in told[-5:]] == [Delivery.SENT] * 4 + [Delivery.IN_APP]
    assert phone.replies() == [texts.WAITING_ON_DUTY, *(f"答复 {n}" for n in range(4))]


@pytest.mark.parametrize("code", [45015, 45047])
def test_a_window_that_the_platform_says_is_over_leaves_the_reply_in_the_app(
    phone: Phone, lantai: Lantai, staff_factory: Callable[..., StaffLogin], run_jobs: Callable[[], None], code: int
) -> None:
    staff = staff_factory().actor
    phone.say("转人工")
    ((line,), _) = lantai.chat_desk.listed(staff, Look.WAITING, offset=0, limit=5)
    lantai.chat_desk.take(staff, line.id, line.version)
    phone.control("/faults", target="wechat:/cgi-bin/message/custom/send", kind="errcode", value=code)
    lantai.chat_desk.reply(staff, line.id, line.version + 1, "请到小程序查看。")
    run_jobs()
    last = lantai.chat_desk.read(staff, line.id).messages[-1]
    assert (last.delivery, last.reason) == (Delivery.IN_APP, f"no_credit:{code}")
