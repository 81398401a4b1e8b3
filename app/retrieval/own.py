"""A graduate's own search and sums. DossierService decides zones and step-ups and records the readings."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.actors import Actor
from app.dossiers.rules import Section, Zone
from app.dossiers.service import DossierService
from app.dossiers.views import CatalogueItem
from app.errors import Invalid
from app.retrieval import rules, sums


class OwnDossier:
    def __init__(self, dossiers: DossierService) -> None:
        self._dossiers = dossiers

    def search(self, actor: Actor, query: str) -> list[CatalogueItem]:
        """Items of the own catalogue whose titles hold every word; masked titles are never compared.

        Needs no index: a dossier is opened whole. Raises Invalid('search_empty'), Invalid('search_too_long').
        """
        normal = rules.normalise(query)
        if not normal:
            raise Invalid("search_empty")
        if len(normal) > rules.MOST_QUERY:
            raise Invalid("search_too_long")
        items = self._dossiers.catalogue(actor).items
        return [i for i in items if i.zone is not Zone.C and _holds(rules.normalise(i.title), normal.split(" "))]

    def awards(self, actor: Actor) -> sums.Awards:
        """Raises StepUpRequired without a fresh second factor."""
        return sums.awards_of(self._records(actor, Section.AWARD))

    def summary(self, actor: Actor) -> sums.Summary:
        """Grades, research and awards. Raises StepUpRequired."""
        courses, research = self._records(actor, Section.COURSE), self._records(actor, Section.RESEARCH)
        return sums.summary_of([b for _, b in courses], [b for _, b in research], self._records(actor, Section.AWARD))

    def _records(self, actor: Actor, section: Section) -> Sequence[tuple[UUID, sums.Body]]:
        return [(r.id, r.body) for r in self._dossiers.section(actor, section).records]


def _holds(title: str, words: Sequence[str]) -> bool:
    return all(word in title for word in words)
