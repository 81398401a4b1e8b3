"""What a message may be about. Pure."""

from __future__ import annotations

from enum import StrEnum


class Intent(StrEnum):
    STATUS = "status"
    TRANSFER = "transfer"
    TICKET = "ticket"
    MATERIALS = "materials"
    CORRECT = "howto_correct"
    DESTINATION = "howto_destination"
    BIND = "howto_bind"
    UNBIND = "howto_unbind"
    IDENTITY = "howto_identity"
    DEADLINES = "howto_deadlines"
    FEES = "howto_fees"
    CHANNELS = "howto_channels"
    GREETING = "greeting"
    THANKS = "thanks"
    HUMAN = "human"
    OTHERS = "others"
    NO_LOOKUP = "no_lookup"
    UNKNOWN = "unknown"


PERSONAL = frozenset({Intent.STATUS, Intent.TRANSFER, Intent.TICKET, Intent.MATERIALS})
"""Answered from the asker's own data; everything else is the same for everybody."""
