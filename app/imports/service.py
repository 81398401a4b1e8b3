"""Importing a cohort: every row alone, in a transaction of its own, with a report in the words of the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from app.actors import Actor, ActorKind, Role
from app.dossiers.filing import FilingService
from app.dossiers.incoming import NewMaterial
from app.dossiers.rules import Section
from app.errors import Conflict, FieldFault, Forbidden, Invalid, TooLarge, Unavailable
from app.file_ports import CleanDocument, DocumentCleaner
from app.imports import columns
from app.imports.bundle import Bundle, photo_of, rows_of, scan_of
from app.imports.columns import Fault, Related, Row
from app.people.rules import mask_student_number, normalise_student_number
from app.ports import Clock

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RowReport:
    """``line`` counts from 1 with the header; the student number is masked."""

    line: int
    student: str = field(repr=False)
    outcome: str
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    rows: Sequence[RowReport]

    @property
    def filed(self) -> int:
        return sum(r.outcome == "filed" for r in self.rows)

    @property
    def refused(self) -> int:
        return len(self.rows) - self.filed


class ImportService:
    def __init__(self, filing: FilingService, cleaner: DocumentCleaner, clock: Clock) -> None:
        self._filing, self._cleaner, self._clock = filing, cleaner, clock

    def run(self, actor: Actor, bundle: Bundle, progress: Progress | None = None) -> ImportReport:
        """File what can be filed; a row that exists already is refused, so a second run adds only what was missing.

        Raises Forbidden without the role, Invalid when there is no graduates table or a column is missing.
        """
        if actor.kind is not ActorKind.SYSTEM and not actor.has_role(Role.ARCHIVIST):
            raise Forbidden("role_required")
        rows = list(rows_of(bundle, columns.GRADUATE_TABLE))
        self._check_table(rows)
        related = self._related(bundle)
        reports: list[RowReport] = []
        seen: set[str] = set()
        for index, (line, row) in enumerate(rows):
            reports.append(self._file_row(actor, bundle, line, row, related, seen))
            if progress is not None:
                progress(index + 1, len(rows))
        # rows of the other tables that belong to nobody here are told, not dropped in silence
        strays = [
            RowReport(0, mask_student_number(number), "refused", (Fault("学号", "student_unknown"),))
            for number in sorted(related.keys() - seen)
        ]
        return ImportReport((*reports, *strays))

    @staticmethod
    def _check_table(rows: list[tuple[int, dict[str, str]]]) -> None:
        if not rows:
            raise Invalid("invalid_input", faults=[FieldFault("/graduates", "required", "没有毕业生数据")])
        missing = [c for c in columns.REQUIRED if c not in rows[0][1]]
        if missing:
            raise Invalid(
                "invalid_input", faults=[FieldFault(f"/graduates/{c}", "missing", f"缺少列：{c}") for c in missing]
            )

    def _related(self, bundle: Bundle) -> dict[str, Related]:
        sections: dict[str, dict[Section, list[dict[str, str]]]] = {}
        for table, (section, fields) in columns.SECTION_TABLES.items():
            for _, row in rows_of(bundle, table):
                number = normalise_student_number(row.get("学号", ""))
                body = columns.section_body(fields, row)
                sections.setdefault(number, {}).setdefault(section, []).append(body)
        materials: dict[str, list[NewMaterial]] = {}
        faults: dict[str, list[Fault]] = {}
        scans: dict[str, dict[int, str]] = {}
        for _, row in rows_of(bundle, "materials"):
            number, made = normalise_student_number(row.get("学号", "")), columns.new_material(row)
            if isinstance(made, NewMaterial):
                materials.setdefault(number, []).append(made)
                if row.get("文件"):
                    scans.setdefault(number, {})[len(materials[number]) - 1] = row["文件"]
            else:
                faults.setdefault(number, []).append(made)
        return {
            n: Related(sections.get(n, {}), materials.get(n, ()), faults.get(n, ()), scans.get(n, {}))
            for n in sections.keys() | materials.keys() | faults.keys()
        }

    def _file_row(
        self, actor: Actor, bundle: Bundle, line: int, row: Row, related: dict[str, Related], seen: set[str]
    ) -> RowReport:
        number = normalise_student_number(row.get("学号", ""))
        masked = mask_student_number(number)
        belonging = related.get(number, Related())
        # a row whose materials cannot all be filed is not filed: nothing of it is lost unnoticed
        faults = [*columns.graduate_faults(row, self._clock.now().date()), *belonging.faults]
        if number in seen:
            faults.append(Fault("学号", "duplicate_in_file"))
        seen.add(number)
        if faults:
            return RowReport(line, masked, "refused", tuple(faults))
        try:
            photo = self._photo(bundle, number)
            belonging = self._with_scans(bundle, belonging)
            self._filing.file_dossier(actor, columns.new_dossier(row, belonging, photo))
        except Conflict as error:
            return RowReport(line, masked, "refused", (Fault("学号", error.code),))
        except Unavailable as error:
            # this row can be brought again; the others go on
            return RowReport(line, masked, "refused", (Fault("", error.code),))
        except (Invalid, TooLarge) as error:
            found = tuple(Fault(f.pointer, f.code) for f in error.faults) or (Fault("照片", error.code),)
            return RowReport(line, masked, "refused", found)
        return RowReport(line, masked, "filed")

    def _with_scans(self, bundle: Bundle, belonging: Related) -> Related:
        """Loaded row by row, so that a whole cohort's scans are never in memory together."""
        materials = list(belonging.materials)
        for index, name in belonging.scans.items():
            materials[index] = replace(materials[index], document=self._scan(bundle, name))
        return replace(belonging, materials=materials)

    def _scan(self, bundle: Bundle, name: str) -> CleanDocument:
        data = scan_of(bundle, name)
        if data is None:
            raise Invalid("invalid_input", faults=[FieldFault("文件", "scan_missing")])
        try:
            return self._cleaner.clean(data)
        except (Invalid, TooLarge):
            raise Invalid("invalid_input", faults=[FieldFault("文件", "scan_refused")]) from None

    def _photo(self, bundle: Bundle, number: str) -> bytes | None:
        data = photo_of(bundle, number)
        if data is None:
            return None
        clean = self._cleaner.clean(data)
        if clean.media_type not in ("image/jpeg", "image/png"):
            raise Invalid("document_type_refused")
        return clean.data
