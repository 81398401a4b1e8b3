"""The dossier in full: reading, filing, imports, materials, search and the figures that follow it."""

from __future__ import annotations

from typing import TypedDict

from app.dossiers.filing import FilingService
from app.dossiers.holdings import Holdings
from app.dossiers.service import DossierService
from app.imports.building import build_importer
from app.imports.service import ImportService
from app.materials.book import SupplementBook
from app.materials.desk import SupplementDesk
from app.materials.fixity import FixityService
from app.materials.fixity_board import FixityBoard
from app.materials.scans import ScanService
from app.materials.service import SupplementService
from app.retrieval.index import SearchIndex
from app.retrieval.kept import KeptSearches
from app.retrieval.keys import IndexKeys
from app.retrieval.own import OwnDossier
from app.retrieval.purposes import PurposeRegister
from app.retrieval.search import SearchService
from app.retrieval.upkeep import IndexUpkeep
from app.statistics.feed import AwardCensus, StatisticsFeed
from app.statistics.service import StatisticsService
from wired.ground import Ground


class DossierParts(TypedDict):
    purposes: PurposeRegister
    dossiers: DossierService
    filing: FilingService
    holdings: Holdings
    own: OwnDossier
    search: SearchService
    searches: KeptSearches
    upkeep: IndexUpkeep
    importer: ImportService
    statistics: StatisticsService
    statistics_feed: StatisticsFeed
    award_census: AwardCensus


class MaterialParts(TypedDict):
    scans: ScanService
    supplements: SupplementService
    supplement_desk: SupplementDesk
    fixity: FixityService
    fixity_board: FixityBoard


def wire_dossiers(ground: Ground) -> DossierParts:
    db, keys, log, clock, people, outside = (
        ground.db,
        ground.keys,
        ground.log,
        ground.clock,
        ground.people,
        ground.outside,
    )
    index_keys, feed = IndexKeys(outside.keys.secret("search-index")), StatisticsFeed()
    search_index = SearchIndex(index_keys)
    followers = (search_index, feed)
    purposes, holdings = PurposeRegister(db, keys, log, clock), Holdings(db, keys, outside.files)
    dossiers = DossierService(db, keys, outside.files, log, clock, purposes)
    return {
        "purposes": purposes,
        "dossiers": dossiers,
        "filing": FilingService(db, keys, ground.index, people, outside.files, log, clock, followers),
        "holdings": holdings,
        "own": OwnDossier(dossiers),
        "search": SearchService(db, keys, people, index_keys, log),
        "searches": KeptSearches(db, keys, log, clock),
        "upkeep": IndexUpkeep(db, keys, search_index, clock),
        "importer": build_importer(
            db, keys, ground.index, people, outside.files, outside.cleaner, ground.queue, log, clock, followers
        ),
        "statistics": StatisticsService(db, log, clock, ground.settings.statistics_smallest),
        "statistics_feed": feed,
        "award_census": AwardCensus(db, holdings),
    }


def wire_materials(ground: Ground, filing: FilingService) -> MaterialParts:
    db, keys, log, clock, outside = ground.db, ground.keys, ground.log, ground.clock, ground.outside
    book = SupplementBook(log, ground.queue, outside.files, clock)
    return {
        "scans": ScanService(db, keys, filing.materials, outside.cleaner, clock),
        "supplements": SupplementService(db, keys, ground.people, book, outside.cleaner),
        "supplement_desk": SupplementDesk(db, keys, ground.people, filing.materials, book),
        "fixity": FixityService(db, keys, outside.files, outside.replica, log, ground.queue, clock),
        "fixity_board": FixityBoard(db, has_replica=outside.replica is not None),
    }
