"""The people of the sandbox: each phone is one person's account on one platform, and what it has received."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

PLATFORMS = ("wechat", "alipay")


@dataclass(slots=True)
class Phone:
    """One account. ``real_name`` and ``id_number`` are the holder's true ones, which only the platform knows."""

    id: str
    name: str
    platform: str
    open_id: str
    phone_number: str
    real_name: str
    id_number: str = field(repr=False)
    face_passes: bool = True
    fingerprint_enrolled: bool = True
    blocked: bool = False
    union_id: str = ""

    def is_person(self, name: str, id_number: str) -> bool:
        """Whether the holder is the person of these papers."""
        return self.real_name == name and self.id_number.upper() == id_number.upper()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Received:
    """One entry on a phone's screen, oldest first. ``kind``: subscribe, template, custom, passive, said or entered."""

    seq: int
    at: float
    kind: str
    title: str = ""
    text: str = ""
    template_id: str = ""
    page: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    message_id: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class UnknownPhone(LookupError):
    """No phone has this id."""


class PhoneBook:
    """All phones and their screens. The caller holds the world's lock."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._phones: dict[str, Phone] = {}
        self._screens: dict[str, list[Received]] = {}
        self._seq = 0
        if file is not None and file.is_file():
            for row in json.loads(file.read_text(encoding="utf-8")):
                self._keep(Phone(**row))

    def add(self, **values: Any) -> Phone:
        """A new phone; id and open_id are made up unless given. Raises ValueError with a sentence."""
        known = {f.name for f in fields(Phone)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"unknown member: {', '.join(unknown)}")
        if values.get("platform") not in PLATFORMS:
            raise ValueError("platform must be wechat or alipay")
        for name in ("real_name", "id_number", "phone_number"):
            if not isinstance(values.get(name), str) or not values[name]:
                raise ValueError(f"{name} must be a non-empty text")
        values.setdefault("name", values["real_name"])
        values.setdefault("id", secrets.token_hex(4))
        values.setdefault("open_id", self._new_open_id(values["platform"]))
        phone = Phone(**values)
        if phone.id in self._phones or self.by_open_id(phone.platform, phone.open_id) is not None:
            raise ValueError("a phone with this id or open_id exists")
        self._keep(phone)
        self._save()
        return phone

    def get(self, phone_id: str) -> Phone:
        """Raises UnknownPhone."""
        try:
            return self._phones[phone_id]
        except KeyError:
            raise UnknownPhone(phone_id) from None

    def by_open_id(self, platform: str, open_id: str) -> Phone | None:
        return next((p for p in self._phones.values() if p.platform == platform and p.open_id == open_id), None)

    def all(self) -> list[Phone]:
        return list(self._phones.values())

    def show(self, phone: Phone, at: float, kind: str, **values: Any) -> Received:
        self._seq += 1
        received = Received(self._seq, at, kind, **values)
        self._screens[phone.id].append(received)
        return received

    def screen(self, phone: Phone) -> list[Received]:
        return list(self._screens[phone.id])

    def forget_all(self) -> None:
        self._phones.clear()
        self._screens.clear()
        self._save()

    def _keep(self, phone: Phone) -> None:
        self._phones[phone.id] = phone
        self._screens[phone.id] = []

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.touch(mode=0o600)
        rows = [phone.as_json() for phone in self._phones.values()]
        self._file.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")

    @staticmethod
    def _new_open_id(platform: str) -> str:
        """WeChat: 28 characters beginning with o; Alipay: longer, and never the 16 digits of a user_id."""
        return "o" + secrets.token_urlsafe(21)[:27] if platform == "wechat" else "0" + secrets.token_urlsafe(33)[:43]
