"""A Hypothesis state machine of transfers: product and second book side by side through drawn lives.

Every choice is Hypothesis's, so that what diverges shrinks to the shortest program of acts that still does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import ParamSpec, cast

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.transfers.states import State
from tests.transfer_book import ARRIVED, END, LINE, Edges, Slip
from tests.transfer_life import Life, Move, Place, Proposal, Spoilt
from tests.transfer_sight import CAST, MEMBERS, SPOILT, Ground, fitting

STEPS = 30
# after its first ten Hypothesis varies what it has rather than drawing anew: many short rounds see more than a long one
ROUND = 20
# the line first: what diverges shrinks towards its beginning
STATES = [*LINE, *sorted({s.value for s in State} - set(LINE))]
FIRST_DAY, LAST_DAY = date(2026, 2, 2), date(2027, 2, 1)
# forwards more often than backwards; clocks of servers do both
DAYS = (1, 2, 5, 16, 45, -1, -3, -40)

Arguments = ParamSpec("Arguments")
Ways = Callable[[Life, Slip], list[str]]


# --- what may be tried in a life --------------------------------------------------------------------------------------


def _near(life: Life, fits: Callable[[Slip], bool] = lambda slip: True) -> list[Place]:
    """The last two transfers of each dossier; the first dossier's count three times, so that one comes far."""
    return [
        (number, place)
        for number, folder in enumerate(life.folders)
        for place, slip in list(enumerate(folder.slips))[-2:]
        if fits(slip)
        for _ in range(1 if number else 3)
    ]


def _ways_of(whose: str) -> Ways:
    """Where this one of the table leads to."""
    return lambda life, slip: [t for (s, t), (by, _) in life.table.items() if s == slip.state and whose in by]


_by_two = _ways_of("two")


def _next(life: Life, slip: Slip) -> list[str]:
    """The next state of the line, where one person leads there."""
    ahead = LINE[LINE.index(slip.state) + 1 :][:1] if slip.state in LINE else []
    return [t for t in ahead if life.table[slip.state, t][0] != {"two"}]


def _any(life: Life, slip: Slip) -> list[str]:
    return STATES


def _life(draw: st.DrawFn) -> Life:
    life: Life = draw(st.runner()).life
    return life


def _seldom(percent: int) -> st.SearchStrategy[bool]:
    """Shrinks to False."""
    return st.integers(1, 100).map(lambda n: n > 100 - percent)


@st.composite
def _spoilt(draw: st.DrawFn, kinds: tuple[str, ...], percent: int) -> Spoilt | None:
    if not kinds or not draw(_seldom(percent)):
        return None
    kind = draw(st.sampled_from(kinds))
    return kind, draw(st.sampled_from(SPOILT[kind]))


@st.composite
def _places(draw: st.DrawFn, fits: Callable[[Slip], bool]) -> Place:
    return draw(st.sampled_from(_near(_life(draw), fits)))


@st.composite
def _moves(draw: st.DrawFn, ways: Ways, wrong: int, whose: str = "") -> Move:
    """``whose``: who walks, in the table's word; all who may by default. ``wrong``: of a hundred, how often anybody
    does instead; evidence is spoilt half as often.
    """
    life = _life(draw)
    place = draw(_places(lambda slip: bool(ways(life, slip))))
    target = draw(st.sampled_from(ways(life, life.slip(place))))
    by, kinds = life.table.get((life.slip(place).state, target), (frozenset(), ()))
    fit = fitting(frozenset({whose}) if whose else by)
    name = draw(st.sampled_from(CAST if not fit or draw(_seldom(wrong)) else fit))
    return Move(
        place,
        target,
        name,
        number=draw(_numbers(life)) if "tracking_number" in kinds else 0,
        keep=draw(st.integers(1, 699)) if "kept_until" in kinds else 1,
        spoilt=draw(_spoilt(kinds, wrong // 2)),
        stale=name in MEMBERS and draw(_seldom(4)),
    )


def _numbers(life: Life) -> st.SearchStrategy[int]:
    """A new tracking number, now and then one that was given out."""
    return st.one_of(st.just(0), st.just(0), st.just(0), st.integers(0, len(life.numbers)))


@st.composite
def _proposals(draw: st.DrawFn, wrong: int) -> Proposal:
    """``wrong``: of a hundred, how often something is proposed that the table may not have, or evidence is spoilt."""
    life = _life(draw)
    place = draw(_places(lambda slip: bool(_by_two(life, slip))))
    slip = life.slip(place)
    target = draw(st.sampled_from(STATES if draw(_seldom(wrong)) else _by_two(life, slip)))
    _, kinds = life.table.get((slip.state, target), (frozenset(), ()))
    return Proposal(place, target, draw(st.sampled_from(MEMBERS)), draw(_spoilt(kinds, wrong)), draw(_seldom(4)))


@st.composite
def _scanned(draw: st.DrawFn) -> tuple[Place, int]:
    life = _life(draw)
    return draw(st.sampled_from(_near(life))), draw(_numbers(life))


@st.composite
def _days(draw: st.DrawFn) -> int:
    today = _life(draw).today
    return draw(st.sampled_from([n for n in DAYS if FIRST_DAY <= today + timedelta(days=n) <= LAST_DAY]))


def _acted_on(slip: Slip) -> bool:
    return slip.act is not None


def _unaddressed(slip: Slip) -> bool:
    return slip.state == "draft" and not slip.addressed


def _frozen(slip: Slip) -> bool:
    return slip.parent is None and slip.folder.state == "open" and slip.frozen is not None and slip.state not in END


folders = st.sampled_from((0, 0, 0, 1))
members = st.sampled_from(MEMBERS)


def some(fits: Callable[[Life, Slip], object]) -> Callable[[Lives], bool]:
    return lambda lives: bool(_near(lives.life, lambda slip: bool(fits(lives.life, slip))))


# --- the machine ------------------------------------------------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """One life. ``book``: the rules it is judged by, all of them by default."""

    def __init__(self, ground: Ground, book: Edges | None = None) -> None:
        super().__init__()
        self.life, self._ground = Life(ground, book), ground
        self.steps = -1  # the beginning is no step, and is compared all the same
        self._program: list[tuple[object, ...]] = []

    @initialize(day=st.dates(FIRST_DAY, LAST_DAY), state=st.sampled_from(STATES))
    def begin(self, day: date, state: str) -> None:
        self._do(self.life.begin, day, state)

    @precondition(some(_next))
    @rule(move=_moves(_next, wrong=6))
    def ahead(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("carrier")))
    @rule(move=_moves(_ways_of("carrier"), wrong=10, whose="carrier"))
    def carrier_tells(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("clock")))
    @rule(move=_moves(_ways_of("clock"), wrong=10, whose="clock"))
    def clock_strikes(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("college")))
    @rule(move=_moves(_ways_of("college"), wrong=10, whose="college"))
    def college_decides(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("desk")))
    @rule(move=_moves(_ways_of("desk"), wrong=10, whose="desk"))
    def desk_works(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("graduate")))
    @rule(move=_moves(_ways_of("graduate"), wrong=10, whose="graduate"))
    def graduate_asks(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("receiver")))
    @rule(move=_moves(_ways_of("receiver"), wrong=10, whose="receiver"))
    def receiver_answers(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_ways_of("school")))
    @rule(move=_moves(_ways_of("school"), wrong=10, whose="school"))
    def school_decides(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_by_two))
    @rule(act=_proposals(wrong=4), second=members)
    def two_persons(self, act: Proposal, second: str) -> None:
        self._do(self.life.propose, act)
        if self.life.slip(act.slip).act is not None:
            self._do(self.life.confirm, act.slip, second)

    @precondition(some(_any))
    @rule(move=_moves(_any, wrong=50))
    def stray(self, move: Move) -> None:
        self._do(self.life.move, move)

    @precondition(some(_by_two))
    @rule(act=_proposals(wrong=20))
    def propose(self, act: Proposal) -> None:
        self._do(self.life.propose, act)

    @precondition(some(lambda _, slip: _acted_on(slip)))
    @rule(slip=_places(_acted_on), by=members)
    def confirm(self, slip: Place, by: str) -> None:
        self._do(self.life.confirm, slip, by)

    @precondition(some(lambda _, slip: _acted_on(slip)))
    @rule(slip=_places(_acted_on), by=members)
    def drop_act(self, slip: Place, by: str) -> None:
        self._do(self.life.drop_act, slip, by)

    @precondition(some(lambda _, slip: _unaddressed(slip)))
    @rule(slip=_places(_unaddressed), by=st.sampled_from(("graduate", *MEMBERS)))
    def readdress(self, slip: Place, by: str) -> None:
        self._do(self.life.readdress, slip, by)

    @precondition(some(lambda _, slip: slip.state == "sealed"))
    @rule(what=_scanned(), by=members)
    def scan(self, what: tuple[Place, int], by: str) -> None:
        place, number = what
        self._do(self.life.scan, place, by, number)

    @precondition(lambda self: self.life.batch is not None)
    @rule()
    def hand_over(self) -> None:
        self._do(self.life.hand_over)

    @precondition(lambda self: self.life.batch is not None)
    @rule()
    def drop_batch(self) -> None:
        self._do(self.life.drop_batch)

    @precondition(some(lambda life, slip: life.book.due(slip) is not None))
    @rule(days=_days(), press=st.booleans())
    def days_pass(self, days: int, press: bool) -> None:
        self._do(self.life.days_pass, days)
        if press:
            self._do(self.life.press)

    @precondition(some(lambda _, slip: _frozen(slip)))
    @rule(slip=_places(_frozen))
    def edit(self, slip: Place) -> None:
        folder, _ = slip
        self._do(self.life.edit, folder)

    @precondition(lambda self: not all(folder.open for folder in self.life.folders))
    @rule(
        folder=folders, by=st.sampled_from((*MEMBERS, "graduate", "graduate")), stays=_seldom(25), elsewhere=_seldom(40)
    )
    def open(self, folder: int, by: str, stays: bool, elsewhere: bool) -> None:
        self._do(self.life.open, folder, by, stays=stays, elsewhere=elsewhere)

    @precondition(some(lambda _, slip: slip.state in ARRIVED))
    @rule(folder=folders)
    def supplement(self, folder: int) -> None:
        self._do(self.life.supplement, folder)

    # a rule is drawn as often as it has names here: most steps should lead on
    ahead_often = ahead_mostly = ahead_again = ahead
    desk_works_often = desk_works_mostly = desk_works
    two_persons_often = two_persons_mostly = two_persons_again = two_persons
    carrier_tells_often, receiver_answers_often, school_decides_often = carrier_tells, receiver_answers, school_decides

    def _do(self, act: Callable[Arguments, None], *given: Arguments.args, **named: Arguments.kwargs) -> None:
        self._program.append((act.__name__, *given, *named.items()))
        act(*given, **named)

    @invariant()
    def product_and_book_agree(self) -> None:
        self.life.compare()
        self.steps += 1

    def teardown(self) -> None:
        self._ground.tally.lived(max(self.steps, 0), tuple(self._program))


def live(ground: Ground, number: int, book: Edges | None = None, *, lives: int = ROUND, shrink: bool = True) -> None:
    """A round of lives. Raises Diverged, with the program that leads there among its notes.

    ``number``: the seed that decides every choice; ``shrink``: whether what diverges is made as short as it gets.
    Most lives of a round have ``STEPS`` steps; the tally says which.
    """

    @seed(number)
    def machine() -> Lives:
        return Lives(ground, book)

    run_state_machine_as_test(
        # anything that makes a machine will do, whatever the annotation says
        cast("type[RuleBasedStateMachine]", machine),
        settings=settings(
            max_examples=lives,
            # the beginning counts as one there
            stateful_step_count=STEPS + 1,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            deadline=None,
            database=None,
            derandomize=False,
            report_multiple_bugs=False,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
