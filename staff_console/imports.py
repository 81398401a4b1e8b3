"""Importing a cohort from an uploaded table or zip, with a report for every row."""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import Blueprint, Response, request

from app.actors import Role
from app.errors import DomainError, FieldFault, Invalid, TooLarge
from app.imports.columns import REQUIRED
from app.problems import problem_of
from auth.guards import current_actor
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import page

MAX_UPLOAD = 128 * 1024 * 1024


def _uploaded() -> tuple[str, BinaryIO]:
    file = request.files.get("cohort")
    if file is None or not file.stream.read(1):
        raise Invalid("invalid_input", faults=[FieldFault("/cohort", "required", "请选择要导入的文件")])
    file.stream.seek(0)
    return file.filename or "", cast(BinaryIO, file.stream)


def _form(status: int = 200, error: DomainError | None = None) -> Response:
    problem = problem_of(error) if error is not None else None
    return page("import.html", status, problem=problem, required=REQUIRED, limit=MAX_UPLOAD)


def add_imports(console: Blueprint) -> None:
    @console.before_request
    def larger_upload() -> None:
        # before the guard reads the form: a cohort with photos is larger than any other request
        if request.endpoint == "console.import_done":
            request.max_content_length = MAX_UPLOAD

    @console.get("/import")
    @desk(Role.ARCHIVIST)
    def import_form() -> Response:
        return _form()

    @console.post("/import")
    @desk(Role.ARCHIVIST)
    def import_done() -> Response:
        try:
            report = parts().importer.run(current_actor(), *_uploaded())
        except (Invalid, TooLarge) as error:
            return _form(problem_of(error).status, error)
        return page("import_report.html", report=report)
