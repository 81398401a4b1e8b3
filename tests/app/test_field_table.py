"""The models are held to the field table, and the columns to their way of keeping."""

from __future__ import annotations

from sqlalchemy import LargeBinary

from app.db import Base
from app.field_table import FIELDS, TECHNICAL
from migrations.tables import ALL_MODELS


def test_every_column_of_every_table_is_in_the_field_table() -> None:
    assert ALL_MODELS
    found = {t.name: {c.name for c in t.columns} - TECHNICAL for t in Base.metadata.tables.values()}
    listed = {name: set(columns) for name, columns in FIELDS.items()}
    assert found == listed


def test_sealed_and_blind_columns_are_opaque_bytes() -> None:
    for table in Base.metadata.tables.values():
        for name, kept in FIELDS[table.name].items():
            if kept.how in ("sealed", "blind"):
                assert isinstance(table.columns[name].type, LargeBinary), f"{table.name}.{name}"


def test_columns_named_sealed_are_listed_as_sealed_and_nothing_clear_is_bytes() -> None:
    for table in Base.metadata.tables.values():
        for name, kept in FIELDS[table.name].items():
            assert not (name.startswith("sealed_") and kept.how != "sealed"), f"{table.name}.{name}"
            if isinstance(table.columns[name].type, LargeBinary):
                assert kept.how != "clear", f"{table.name}.{name}"
