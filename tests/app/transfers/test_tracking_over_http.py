"""The whole way: job queue, service, real EMS client and the sandbox carrier over HTTP, by one clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.transfers.states import State
from app.transfers.tracking_rules import Finding
from parts import Lantai
from providers.carriers import dialect
from providers.carriers.ems import Ems
from providers.sandbox.clock import SandboxClock
from providers.sandbox.config import SandboxConfig
from providers.sandbox.server import running_sandbox
from providers.sandbox.setup import read_environment_file, write_demo_environment
from tests.app.transfers.carried import NUMBER, Carried, Hand, reasons
from tests.conftest import World


class Road:
    """A consignment at the sandbox carrier and the worker that asks about it."""

    def __init__(self, url: str, each: Carried, run_jobs: Callable[[], None]) -> None:
        self._url, self._run_jobs, self.each = url, run_jobs, each

    def control(self, path: str, **body: Any) -> None:
        requests.post(f"{self._url}/control{path}", json=body, timeout=5).raise_for_status()

    def begin(self, script: str) -> None:
        self.control("/waybills", number=NUMBER, script=script)

    def round(self, days: float) -> State:
        """Time passes for everybody; the worker's housekeeping and its jobs run."""
        self.each.world.clock.advance(days=days)
        self.each.lantai.tracking.tick()
        self._run_jobs()
        return self.each.refresh().state


@pytest.fixture
def road(carried: Hand, world: World, tmp_path: Path, run_jobs: Callable[[], None]) -> Iterator[Road]:
    environment = read_environment_file(write_demo_environment(tmp_path / "sandbox", 1, "http://x"))
    config = SandboxConfig.from_environment(environment | {"SANDBOX_CARRIER_AUTO": ""})
    with running_sandbox(config, clock=SandboxClock(lambda: world.clock.now().timestamp())) as url:
        app_id, secret = environment["LANTAI_EMS_APP_ID"], environment["LANTAI_EMS_APP_SECRET"]
        world.carrier.through = Ems(f"{url}/ems", app_id, secret, dialect.load(), clock=world.clock, timeout_s=2.0)
        yield Road(url, carried(), run_jobs)


def test_from_hand_over_to_the_door_without_a_word_in_the_log(
    road: Road, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    road.begin("normal")
    states = [road.round(0.5) for _ in range(6)]
    assert states[0] is State.IN_TRANSIT
    assert states[-1] is State.DELIVERED_UNCONFIRMED
    [trace] = road.each.lantai.tracking_desk.of_graduate(road.each.pair.first, road.each.graduate_id)[road.each.id]
    assert [line.label for line in trace.lines] == ["已收寄", "运送中", "运送中", "派送中", "已投递"]
    assert trace.lines[-1].signer == "单位收发章"
    told = caplog.text + "".join(capsys.readouterr())
    assert not any(word in told for word in (NUMBER, "单位收发章", "目的地"))


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ("duplicates", State.DELIVERED_UNCONFIRMED),
        ("out_of_order", State.DELIVERED_UNCONFIRMED),
        ("delay", State.DELIVERED_UNCONFIRMED),
        ("lose", State.LOST_SUSPECTED),
        ("lost", State.LOST_SUSPECTED),
        ("return", State.RETURNED),
        ("refuse", State.RETURNED),
    ],
)
def test_every_script_ends_where_it_should(road: Road, script: str, ending: State) -> None:
    road.begin(script)
    seen = [road.round(2) for _ in range(12)]
    assert seen[-1] is ending
    assert (State.REFUSED in seen) is (script == "refuse")


def test_a_late_consignment_is_found_again_by_itself(road: Road) -> None:
    road.begin("manual")
    seen = [road.round(2) for _ in range(6)]
    assert seen[-1] is State.LOST_SUSPECTED
    road.control("/waybills/push", number=NUMBER, code="ARRIVE")
    assert road.round(1) is State.IN_TRANSIT
    road.control("/waybills/push", number=NUMBER, code="SIGNED")
    assert road.round(1) is State.DELIVERED_UNCONFIRMED


def test_a_contradictory_story_stops_at_a_person(road: Road) -> None:
    road.begin("contradictory")
    assert road.round(10) is State.HANDED_TO_CARRIER
    assert reasons(road.each) == [Finding.AFTER_DELIVERY]


def test_every_fault_passes_and_leaves_nothing_half_done(road: Road) -> None:
    road.begin("normal")
    failures = []
    for kind, value in (("http_500", None), ("garbage", None), ("reset", "after"), ("errcode", "LIMITED")):
        road.control("/faults", target="ems", kind=kind, value=value, times=2)
        road.round(0)
        failures.append(road.each.watch().failures)
        road.each.world.clock.advance(hours=2)
    assert failures == [1, 2, 3, 4]
    assert road.each.watch().captured_at is None
    requests.delete(f"{road._url}/control/faults", timeout=5).raise_for_status()
    assert road.round(3) is State.DELIVERED_UNCONFIRMED
    assert road.each.watch().failures == 0


def test_the_last_capture_comes_in_time_and_a_forgotten_trace_stays(road: Road, lantai: Lantai) -> None:
    road.begin("normal")
    assert road.round(3) is State.DELIVERED_UNCONFIRMED
    road.each.world.clock.advance(days=332)
    lantai.trace_expiry.tick()
    road.round(0)
    watch = road.each.watch()
    assert watch.captured_at == watch.forced_at
    road.round(35)
    lantai.trace_expiry.tick()
    assert road.each.watch().next_poll_at is None
    [trace] = lantai.tracking_desk.of_graduate(road.each.pair.first, road.each.graduate_id)[road.each.id]
    assert len(trace.lines) == 5
