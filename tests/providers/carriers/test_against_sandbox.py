"""The real client against the sandbox carrier, over HTTP: two programs that share nothing agree on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.carrier_ports import CarrierCode as C
from app.errors import NotFound, Unavailable
from providers.carriers import dialect
from providers.carriers.ems import Ems
from providers.clock import SystemClock
from providers.sandbox.config import SandboxConfig
from providers.sandbox.server import running_sandbox
from providers.sandbox.setup import read_environment_file, write_demo_environment

DAY = 86_400
NUMBER = "EA123456785CN"


class Carrier:
    """A running sandbox and a client that knows its secret."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self._url = url
        self.ems = self.client(environment, environment["LANTAI_EMS_APP_SECRET"])
        self.stranger = self.client(environment, "not the secret")

    def client(self, environment: dict[str, str], secret: str) -> Ems:
        app_id = environment["LANTAI_EMS_APP_ID"]
        return Ems(f"{self._url}/ems", app_id, secret, dialect.load(), clock=SystemClock(), timeout_s=1.0)

    def control(self, path: str, **body: Any) -> None:
        requests.post(f"{self._url}/control{path}", json=body, timeout=5).raise_for_status()

    def codes(self, number: str = NUMBER) -> list[C]:
        return [event.code for event in self.ems.track(number)]


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Carrier]:
    environment = read_environment_file(write_demo_environment(tmp_path, 1, "http://x"))
    config = SandboxConfig.from_environment(environment | {"SANDBOX_CARRIER_AUTO": ""})
    with running_sandbox(config) as url:
        yield Carrier(url, environment)


def test_a_consignment_is_followed_to_its_end_and_forgotten(carrier: Carrier) -> None:
    with pytest.raises(NotFound):
        carrier.ems.track(NUMBER)
    carrier.control("/waybills", number=NUMBER)
    assert carrier.codes() == [C.ACCEPTED]
    carrier.control("/clock/advance", seconds=3 * DAY)
    assert carrier.codes() == [C.ACCEPTED, C.IN_TRANSIT, C.IN_TRANSIT, C.OUT_FOR_DELIVERY, C.DELIVERED]
    assert [event.signer for event in carrier.ems.track(NUMBER)][-2:] == ["", "单位收发章"]
    carrier.control("/clock/advance", seconds=363 * DAY)
    with pytest.raises(NotFound):
        carrier.ems.track(NUMBER)


def test_another_secret_opens_nothing(carrier: Carrier) -> None:
    carrier.control("/waybills", number=NUMBER)
    with pytest.raises(Unavailable) as caught:
        carrier.stranger.track(NUMBER)
    assert caught.value.params["reason"] == "refused"


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("http_500", None, "http_500"),
        ("garbage", None, "not_json"),
        ("reset", None, "connection"),
        ("reset", "after", "connection"),
        ("errcode", "LIMITED", "refused"),
        ("slow", 3, "no_answer"),
    ],
)
def test_every_trouble_is_unavailable_and_passes(carrier: Carrier, kind: str, value: Any, reason: str) -> None:
    carrier.control("/waybills", number=NUMBER)
    carrier.control("/faults", target="ems", kind=kind, value=value, times=2)
    with pytest.raises(Unavailable) as caught:
        carrier.ems.track(NUMBER)
    assert caught.value.params["reason"] == reason
    requests.delete(f"{carrier._url}/control/faults", timeout=5).raise_for_status()
    assert carrier.codes() == [C.ACCEPTED]


def test_one_lost_answer_is_asked_for_again(carrier: Carrier) -> None:
    carrier.control("/waybills", number=NUMBER)
    carrier.control("/faults", target="ems", kind="reset", value="after", times=1)
    assert carrier.codes() == [C.ACCEPTED]


@pytest.mark.parametrize(
    ("script", "ending"),
    [("lost", C.LOST), ("return", C.RETURNED), ("refuse", C.RETURNED), ("contradictory", C.RETURNED)],
)
def test_every_ending_has_its_word(carrier: Carrier, script: str, ending: C) -> None:
    carrier.control("/waybills", number=NUMBER, script=script)
    carrier.control("/clock/advance", seconds=30 * DAY)
    codes = carrier.codes()
    assert codes[-1] is ending
    assert (C.REFUSED in codes) is (script == "refuse")
    assert C.EXCEPTION not in codes or script == "return"
