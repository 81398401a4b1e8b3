"""The state machine and the kinds as the lines docs/corrections.md must hold.

``python -m tests.app.corrections.handbook`` prints them, to be pasted when the tables change.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.corrections.kinds import KINDS, REASONS, WHEN_LABELS
from app.corrections.rules import EDGES, GUARD_WORDS, STATE_LABELS, Edge, Move, State
from app.corrections.undoing import INVERSES, UNDO_SECONDS


def _state(state: State) -> str:
    return f"{state.value} {STATE_LABELS[state]}"


def _edge_line(edge: Edge) -> str:
    source, target = _state(edge.source), _state(edge.target)
    return f"| {edge.move.value} | {edge.by.value} | {source} | {target} | {GUARD_WORDS[edge.guard]} |"


def machine_lines() -> Iterator[str]:
    yield "| move | by | from | to | only if |"
    yield "|---|---|---|---|---|"
    for move in Move:
        yield from (_edge_line(e) for e in EDGES if e.move is move)


def undo_lines() -> Iterator[str]:
    """Which steps may be taken back, and where the ticket goes then."""
    yield "| step taken back | in Chinese | from | to | with |"
    yield "|---|---|---|---|---|"
    for step, inverse in INVERSES.items():
        reached = {e.target: None for e in EDGES if f"ticket.{e.move.step}" == step}
        source = ", ".join(map(_state, reached)) or "any open state"
        target = _state(inverse.state) if inverse.state else "the same state"
        holder = "whoever gave it back" if inverse.own else "whoever had it before"
        yield f"| {step} | {inverse.label} | {source} | {target} | {holder} |"
    yield f"Only the last step of a ticket that is still open, by who did it, for {UNDO_SECONDS} seconds"


def kind_lines() -> Iterator[str]:
    yield "| kind | in Chinese | proofs | persons | first answer / decision | refusals |"
    yield "|---|---|---|---|---|---|"
    for kind, rule in KINDS.items():
        proofs = "; ".join(f"{p.label} ({WHEN_LABELS[p.when]})" for p in rule.proofs) or "none"
        clocks = f"{rule.clocks.first_answer} / {rule.clocks.decision} working days"
        codes = ", ".join(rule.refusals)
        yield f"| {kind.value} | {rule.label} | {proofs} | {rule.approvers.persons} | {clocks} | {codes} |"
    yield "| reason | in Chinese | law |"
    yield "|---|---|---|"
    for code, reason in REASONS.items():
        yield f"| {code} | {reason.label} | {reason.law} |"


if __name__ == "__main__":
    print("\n".join((*machine_lines(), "", *undo_lines(), "", *kind_lines())))
