"""The state machine and the kinds as the lines docs/corrections.md must hold.

``python -m tests.app.corrections.handbook`` prints them, to be pasted when the tables change.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.corrections.kinds import KINDS, REASONS, WHEN_LABELS
from app.corrections.rules import EDGES, GUARD_WORDS, STATE_LABELS, Edge, Move


def _edge_line(edge: Edge) -> str:
    source, target = (f"{s.value} {STATE_LABELS[s]}" for s in (edge.source, edge.target))
    return f"| {edge.move.value} | {edge.by.value} | {source} | {target} | {GUARD_WORDS[edge.guard]} |"


def machine_lines() -> Iterator[str]:
    yield "| move | by | from | to | only if |"
    yield "|---|---|---|---|---|"
    for move in Move:
        yield from (_edge_line(e) for e in EDGES if e.move is move)


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
    print("\n".join((*machine_lines(), "", *kind_lines())))
