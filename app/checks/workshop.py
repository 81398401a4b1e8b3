"""Where packages are opened, judged and written: the same bytes for the same dossier on the same day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from uuid import UUID

from app.actors import Actor
from app.checks import layout
from app.checks import report as reports
from app.checks.archive import Entry, Made, zip_stream
from app.checks.assembly import (
    HeldSource,
    House,
    documents_of,
    given,
    packed,
    raising,
    read_later,
    tag_files,
    with_tags,
)
from app.checks.check import ask_all, asked_of_people
from app.checks.package import NoProbe, Package, open_package
from app.checks.registry import machine_checks, people_checks
from app.checks.rules import ChecklistState, Confirmation, Stage, Verdict
from app.checks.statement import hand_over_files
from app.dossiers.holdings import HeldMaterial, Holding, Holdings
from app.errors import NotFound, Tampered
from app.office_time import office_date
from app.package_ports import HandedPackage, HandOver, Prober, Signer
from app.people.service import PeopleService


class Workshop:
    def __init__(
        self,
        people: PeopleService,
        holdings: Holdings,
        photo: Callable[[UUID], bytes | None],
        signer: Signer,
        prober: Prober,
        house: House,
    ) -> None:
        self._people, self._holdings, self._photo = people, holdings, photo
        self._signer, self._prober, self._house = signer, prober, house

    def judged(
        self,
        actor: Actor,
        source: HeldSource,
        holding: Holding,
        stage: Stage,
        now: datetime,
        state: ChecklistState | None,
        confirmations: Mapping[str, Confirmation],
    ) -> tuple[reports.Report, reports.Signed, Verdict]:
        """The report at this stage, signed, and its verdict."""
        as_of = office_date(now)
        package = self._opened(source, holding, as_of, self._prober, state)
        results = ask_all(machine_checks(stage), package)
        results += [asked_of_people(c, confirmations.get(c.id), package) for c in people_checks(stage)]
        about = reports.Circumstances(stage, actor, now, as_of, str(holding.dossier_id), holding.version, confirmations)
        report = reports.make_report(package, results, about, self._signer)
        return report, reports.sign(report, self._signer), reports.over(results)

    def made(
        self, source: HeldSource, holding: Holding, package: Package, signed: reports.Signed, to: HandOver | None
    ) -> Made:
        bag = package.files[layout.MANIFEST].sha256
        about = bag, holding.dossier_id, holding.version
        stated = hand_over_files(to, self._house, about, self._signer) if to is not None else {}
        tags = tag_files(package.texts, signed, stated)
        entries: list[Entry] = [(name, given(data)) for name, data in tags.items()]
        entries += [(name, read_later(source, name, package.files[name].sha256)) for name in source.names()]
        folder = f"lantai-{holding.dossier_id.hex[:12]}-v{holding.version}"
        return Made(folder, sorted(entries, key=lambda e: e[0]), bag, holding.version, packed(holding))

    def source(self, holding: Holding, *, photo: bool = True) -> HeldSource:
        documents = documents_of(holding, self._people.graduate(holding.graduate_id), self._house)

        def fetch(material: HeldMaterial) -> bytes:
            return self._holdings.content(holding.graduate_id, material)

        if not photo:
            return HeldSource(documents, holding, fetch)
        try:
            picture = self._photo(holding.graduate_id)
        except (Tampered, NotFound) as error:
            # a photo that does not open is a finding like any other file's, not the end of the check
            return HeldSource(documents, holding, fetch, raising(error))
        return HeldSource(documents, holding, fetch, None if picture is None else given(picture))

    def _opened(
        self, source: HeldSource, holding: Holding, as_of: date, prober: Prober, state: ChecklistState | None
    ) -> Package:
        payload = open_package(source, prober, as_of, checklist=state)
        return with_tags(payload, self._house, str(holding.dossier_id), holding.version, as_of)

    def reopened(self, source: HeldSource, holding: Holding, told: reports.Report) -> Package:
        """The package this report is about, as it was on its day; only measured."""
        return self._opened(source, holding, date.fromisoformat(told.as_of), NoProbe(), None)


def handed(made: Made) -> HandedPackage:
    chunks = partial(zip_stream, made.folder, made.entries)
    return HandedPackage(f"{made.folder}.zip", made.bag_digest, made.dossier_version, made.materials, chunks)
