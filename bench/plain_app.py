"""The same application with sealing and audit switched off: shows what the two cost. For measurements only.

``gunicorn 'bench.plain_app:create_plain_app()'``. A database filed under ``plainly()`` holds its content in the clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import Flask

from app import envelope, events
from app.db import new_id
from app.envelope import DataKey, Place
from wsgi import create_app


def _not_sealed(key: DataKey, place: Place, data: bytes) -> bytes:  # noqa: ARG001
    return data


def _not_opened(key: DataKey, place: Place, sealed: bytes) -> bytes:  # noqa: ARG001
    return sealed


def _unrecorded(*_: Any, **__: Any) -> UUID:
    return new_id()


def switch_off() -> None:
    envelope.seal_bytes, envelope.open_bytes = _not_sealed, _not_opened
    events.EventLog.record = _unrecorded  # type: ignore[method-assign]


@contextmanager
def plainly() -> Iterator[None]:
    """Inside, nothing is sealed and nothing recorded. Values sealed before cannot be opened meanwhile."""
    kept = envelope.seal_bytes, envelope.open_bytes, events.EventLog.record
    switch_off()
    try:
        yield
    finally:
        envelope.seal_bytes, envelope.open_bytes = kept[:2]
        events.EventLog.record = kept[2]  # type: ignore[method-assign]


def create_plain_app() -> Flask:
    """For a process of its own: the switch is never turned back."""
    switch_off()
    return create_app()
