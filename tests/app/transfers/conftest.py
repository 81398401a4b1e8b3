"""A transfer that a carrier has, and a receiver that takes packages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.transfers.carried import NUMBER, Carried, Hand
from tests.conftest import Person, World
from tests.electronic import Registry, plugged, registry
from tests.moving import Pair, lead, opened

__all__ = ["plugged", "registry"]


@pytest.fixture(autouse=True)
def _plugged_in(plugged: None, registry: Registry) -> None:
    """The registry is there before anything is wired."""


@pytest.fixture
def carried(lantai: Lantai, world: World, graduate_factory: Callable[..., Person]) -> Hand:
    def make(number: str = NUMBER, channel: Channel = Channel.EMS) -> Carried:
        return Carried(lantai, world, graduate_factory(), number, channel)

    return make


@pytest.fixture
def going(lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]) -> Callable[[State], TransferView]:
    """A transfer led to a state by the desk."""
    return lambda at: lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), at)
