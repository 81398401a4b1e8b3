"""Structured logs: one JSON object a line, ids and codes only."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

_SECRET = re.compile(
    r"(?i)(access_token|secret|js_code|session_key|cert_no|password|token|code|proof|key)(=|\"?:\s*\"?)[^&\s\",}]+"
)
_ID_NUMBER = re.compile(r"(?<!\d)\d{6}(?:19|20)\d{9}[\dXx](?!\d)")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


def scrub(text: str) -> str:
    """The last net below typed fields: values after secret names, ID numbers and phone numbers."""
    text = _SECRET.sub(r"\1\2***", text)
    return _PHONE.sub("[phone]", _ID_NUMBER.sub("[id-number]", text))


def _scrub_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {k: scrub(v) if isinstance(v, str) else v for k, v in event.items()}


def places(error: BaseException) -> list[str]:
    """The innermost frames of a traceback as file:line, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return [f"{Path(f.filename).name}:{f.lineno}" for f in frames]


class _Formatter(logging.Formatter):
    """Library records in the same form; a traceback keeps its type and lines but no values."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "event": scrub(record.getMessage()),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
        }
        if record.exc_info and record.exc_info[0] is not None:
            event["error_type"] = record.exc_info[0].__name__
            if record.exc_info[1] is not None:
                event["places"] = places(record.exc_info[1])
        return str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, "", event))


class _Lines:
    """Lines to ``stream``; one that cannot be written is lost: a full disk, or a supervisor that has closed its
    end of the pipe after the master died, must not fail the request that had something to say.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure(level: int = logging.INFO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _scrub_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Lines(sys.stderr))),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("procrastinate", "urllib3", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
