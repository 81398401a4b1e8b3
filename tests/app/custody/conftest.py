"""An archivist with two places."""

from __future__ import annotations

import pytest

from app.actors import Actor, Role
from parts import Lantai
from tests.app.conftest import Clerk


@pytest.fixture
def archivist(clerk: Clerk, lantai: Lantai) -> Actor:
    made = clerk(Role.ARCHIVIST)
    lantai.places.add(made, "A-03-2-05", "A-03-2-06")
    return made
