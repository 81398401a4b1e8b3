"""What commands share: the wired application, closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.settings import load_settings
from parts import Lantai
from wiring import build, service_urls


@contextmanager
def wired() -> Iterator[Lantai]:
    settings = load_settings()
    parts = build(settings, service_urls(settings))
    try:
        yield parts
    finally:
        parts.close()
