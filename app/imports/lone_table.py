"""One table as a spreadsheet program saved it, for rooms that take in a small list of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator

from app.csv_table import RawRow, csv_rows
from app.errors import Invalid
from app.imports.bundle import SingleTable, open_upload
from app.imports.xlsx_table import Workbook


def table_rows(data: bytes, table: str) -> Iterator[RawRow]:
    """The rows of a CSV (UTF-8 or GB18030) or of an XLSX's first visible sheet, told apart by content. Faults of the
    whole file point at ``/<table>``. Raises Invalid, TooLarge.
    """
    bundle = open_upload("", data)
    if not isinstance(bundle, SingleTable):
        raise Invalid("workbook_damaged")
    if bundle.kind == "xlsx":
        yield from Workbook(io.BytesIO(data)).rows()
    else:
        yield from csv_rows(lambda: io.BytesIO(data), table)
