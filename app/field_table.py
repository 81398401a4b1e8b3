"""The field table: for every column that could hold something about a person, how it is kept and why.

``sealed``: envelope-encrypted, read with the owner's key. ``blind``: keyed HMAC, for look-ups only. ``clear``:
readable by whoever reads the database, with the reason why that is needed. tests/app/test_field_table.py holds the
models to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables import (
    campaigns,
    channels,
    chat,
    checks,
    completeness,
    custody,
    desk,
    electronic,
    foundation,
    governance,
    imports,
    materials,
    partners,
    queues,
    receivers,
    retrieval,
    staff,
    statistics,
    tracking,
    transfers,
    webhooks,
)
from app.field_tables.kept import Kept

# Columns of every table that carry no personal meaning by their very name.
TECHNICAL = frozenset(
    {
        "id",
        "public_id",
        "serial",
        "version",
        "card_version",
        "number",
        "position",
        "sequence",
        "current",
        "created_at",
        "updated_at",
        "at",
    }
)

# Each room's tables stand in a module of their own.
FIELDS: Mapping[str, Mapping[str, Kept]] = {
    **channels.FIELDS,
    **campaigns.FIELDS,
    **chat.FIELDS,
    **checks.FIELDS,
    **desk.FIELDS,
    **electronic.FIELDS,
    **foundation.FIELDS,
    **imports.FIELDS,
    **materials.FIELDS,
    **completeness.FIELDS,
    **custody.FIELDS,
    **partners.FIELDS,
    **queues.FIELDS,
    **receivers.FIELDS,
    **retrieval.FIELDS,
    **statistics.FIELDS,
    **transfers.FIELDS,
    **staff.FIELDS,
    **governance.FIELDS,
    **tracking.FIELDS,
    **webhooks.FIELDS,
}
