"""Reading the JSON object that a control call sends."""

from __future__ import annotations

from typing import Any

from flask import request

Json = dict[str, Any]


def sent() -> Json:
    """The JSON object sent, {} for none. Raises ValueError."""
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ValueError("a JSON object is expected")
    return body


def text_of(body: Json, name: str) -> str:
    """Raises ValueError unless the member is a non-empty text."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a non-empty text")
    return value


def texts_of(body: Json, name: str) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of texts")
    return value


def flag_of(body: Json, name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value
