"""Whether a message is really from the school: open to everybody, and nothing personal is told."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from app.web import client_address
from auth.guards import public
from miniprogram_api.door import In, Out, api, lantai
from notifications.check_codes import TYPED_MOST


class MessageCheckIn(In):
    code: str = Field(
        min_length=1,
        max_length=TYPED_MOST,
        description="As the message shows it; case and blanks do not count",
    )


class MessageCheckOut(Out):
    genuine: bool
    about: str | None = Field(description="What the kind of message is about; null unless genuine")
    day: date | None = Field(description="The day it was sent, in Beijing time; null unless genuine")


@api.post("/message-checks")
@public("tells of a check-code only whether it is ours, of what kind and from which day")
@api.input(MessageCheckIn, arg_name="body")
@api.output(MessageCheckOut)
def check_message(body: MessageCheckIn) -> MessageCheckOut:
    """Ask by its check-code whether a message is from the school."""
    found = lantai().message_checks.ask(body.code, client_address())
    if found is None:
        return MessageCheckOut(genuine=False, about=None, day=None)
    return MessageCheckOut(genuine=True, about=found.about, day=found.day)
