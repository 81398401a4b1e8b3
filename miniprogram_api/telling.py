"""How the graduate wants to be told: topics and channels, quiet hours, and verified addresses beside the platforms."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Response, jsonify
from pydantic import Field

from app.actors import Purpose
from auth.guards import current_actor, graduate
from miniprogram_api.door import In, Out, api, etag, if_match, lantai
from notifications.catalogue.text import Topic
from notifications.channel_rules import CHANNEL_LABELS, TOPIC_LABELS, Channel, ContactKind
from notifications.preferences import Choice, PreferencesView, QuietWish

HOUR = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class QuietHoursIn(In):
    enabled: bool
    begins: str = Field(pattern=HOUR, description="HH:MM, Beijing time")
    ends: str = Field(pattern=HOUR, description="HH:MM; earlier than `begins` means over midnight")


class ChoiceIn(In):
    topic: Topic
    channel: Channel
    wanted: bool


class PreferencesIn(In):
    choices: list[ChoiceIn] = Field(max_length=len(Topic) * len(Channel), description="What changes; the rest stays")
    quiet_hours: QuietHoursIn


class QuietHoursOut(Out):
    enabled: bool
    begins: str = Field(description="HH:MM, Beijing time")
    ends: str


class ChoiceOut(Out):
    topic: Topic
    topic_label: str
    channel: Channel
    channel_label: str
    wanted: bool
    fixed: bool = Field(description="Cannot be switched off")


class PreferencesOut(Out):
    choices: list[ChoiceOut]
    quiet_hours: QuietHoursOut = Field(description="Urgent notices are sent all the same; others wait for the end")
    updated_at: datetime | None


class ContactIn(In):
    kind: ContactKind
    address: str = Field(min_length=3, max_length=254)


class ContactCodeIn(In):
    code: str = Field(pattern=r"^[0-9]{6}$")


class ContactOut(Out):
    id: UUID
    kind: ContactKind
    shown: str = Field(description="Masked")
    verified_at: datetime | None = Field(description="null: waits for its code")
    code_expires_at: datetime | None
    reachable: bool = Field(description="false once its provider said that the address is bad")
    created_at: datetime


class ContactsOut(Out):
    items: list[ContactOut]


def _preferences(found: PreferencesView) -> Response:
    reply = PreferencesOut(
        choices=[
            ChoiceOut(
                topic=c.topic,
                topic_label=TOPIC_LABELS[c.topic],
                channel=c.channel,
                channel_label=CHANNEL_LABELS[c.channel],
                wanted=c.wanted,
                fixed=c.fixed,
            )
            for c in found.choices
        ],
        quiet_hours=QuietHoursOut(enabled=found.quiet, begins=found.quiet_begins, ends=found.quiet_ends),
        updated_at=found.updated_at,
    )
    response = jsonify(reply.model_dump(mode="json"))
    response.headers.update(etag(found.version))
    return response


@api.get("/me/preferences")
@graduate()
@api.output(PreferencesOut)
def preferences() -> Response:
    """Which topics come by which channel, and the quiet hours. The ETag is the version to change."""
    return _preferences(lantai().preferences.read(current_actor()))


@api.put("/me/preferences")
@graduate()
@api.input(PreferencesIn, arg_name="body")
@api.output(PreferencesOut)
def change_preferences(body: PreferencesIn) -> Response:
    """Change choices and quiet hours. The inbox, and pushes about the account's safety, cannot be switched off."""
    wanted = [Choice(c.topic, c.channel, c.wanted) for c in body.choices]
    quiet = QuietWish(body.quiet_hours.enabled, body.quiet_hours.begins, body.quiet_hours.ends)
    return _preferences(lantai().preferences.change(current_actor(), if_match(), wanted, quiet))


@api.get("/me/contacts")
@graduate()
@api.output(ContactsOut)
def contacts() -> ContactsOut:
    """E-mail and phone for notices whose push does not arrive; addresses are masked."""
    return ContactsOut(items=[ContactOut.model_validate(c) for c in lantai().contacts.list(current_actor())])


@api.post("/me/contacts")
@graduate(purpose=Purpose.MANAGE_ACCOUNT)
@api.input(ContactIn, arg_name="body")
@api.output(ContactOut, status_code=201)
def add_contact(body: ContactIn) -> ContactOut:
    """Name an address; a code of six digits is sent there."""
    return ContactOut.model_validate(lantai().contacts.add(current_actor(), body.kind, body.address))


@api.post("/me/contacts/<uuid:contact_id>/verification")
@graduate(purpose=Purpose.MANAGE_ACCOUNT)
@api.input(ContactCodeIn, arg_name="body")
@api.output(ContactOut)
def verify_contact(contact_id: UUID, body: ContactCodeIn) -> ContactOut:
    """Show the code that arrived there. It replaces a verified address of the same kind."""
    return ContactOut.model_validate(lantai().contacts.verify(current_actor(), contact_id, body.code))


@api.delete("/me/contacts/<uuid:contact_id>")
@graduate(purpose=Purpose.MANAGE_ACCOUNT)
@api.output({}, status_code=204)
def remove_contact(contact_id: UUID) -> tuple[str, int]:
    """Remove an address; nothing is sent there any more."""
    lantai().contacts.remove(current_actor(), contact_id)
    return "", 204
