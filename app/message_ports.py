"""The way to what a platform's console holds of our message templates. app.ports holds the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class TemplateBook(Protocol):
    def keys(self) -> Mapping[str, frozenset[str]]:
        """Template id -> the keys its values stand under ("thing1", "date3" …), of every template that the school's
        account has. Raises Unavailable.
        """
        ...
