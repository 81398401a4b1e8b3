"""python -m bench.chat: how well the chat understands; exits 1 when the held-back half misses its targets.

Of the held-back half only numbers are printed, never a phrase, so that nobody tunes to it by looking.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.chat.phrases import Family, Half, half, read_families
from notifications.chat.intents import PERSONAL, Intent
from notifications.chat.matcher import understand

LEAST_MACRO, MOST_WRONG_PERSONAL, MOST_MS = 0.90, 0.02, 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``taken``: (wanted, heard) -> how many phrases; ``ms``: milliseconds of processor time of each phrase."""

    taken: Counter[tuple[Intent, Intent]]
    ms: Sequence[float]
    mistakes: Sequence[tuple[str, Intent, Intent]]

    @property
    def phrases(self) -> int:
        return self.taken.total()

    def accuracy(self, intent: Intent) -> float:
        asked = sum(count for (wanted, _), count in self.taken.items() if wanted is intent)
        return self.taken[intent, intent] / asked

    @property
    def macro(self) -> float:
        """The mean of the intents' accuracies: a rare intent weighs as much as a common one."""
        wanted = {w for w, _ in self.taken}
        return sum(self.accuracy(w) for w in wanted) / len(wanted)

    @property
    def wrong_personal(self) -> float:
        """The share of all phrases that get an answer from personal data where another, or none, was due."""
        wrong = sum(count for (wanted, heard), count in self.taken.items() if heard in PERSONAL and heard is not wanted)
        return wrong / self.phrases


def evaluate(families: Sequence[Family]) -> Outcome:
    understand("nihao")  # words and syllables are read once
    taken: Counter[tuple[Intent, Intent]] = Counter()
    ms: list[float] = []
    mistakes = []
    for family in families:
        for phrase in family.phrases:
            begun = time.thread_time()
            heard = understand(phrase).intent
            ms.append((time.thread_time() - begun) * 1000)
            wanted = Intent(family.intent)
            taken[wanted, heard] += 1
            if heard is not wanted:
                mistakes.append((phrase, wanted, heard))
    return Outcome(taken, ms, mistakes)


def _print(which: Half, outcome: Outcome) -> None:
    print(f"{which}: {outcome.phrases} phrases, macro accuracy {outcome.macro:.1%},", end=" ")
    print(f"wrong personal answers {outcome.wrong_personal:.1%}, slowest {max(outcome.ms):.2f} ms")
    for wanted in Intent:
        heard = {h: c for (w, h), c in sorted(outcome.taken.items()) if w is wanted and h is not wanted}
        confused = ", ".join(f"{h} {c}" for h, c in heard.items())
        print(
            f"  {wanted:<18}{outcome.accuracy(wanted):>7.1%}   {'taken for ' + confused if confused else ''}".rstrip()
        )
    if which is Half.TUNING:
        for phrase, wanted, got in outcome.mistakes:
            print(f"  {wanted} taken for {got}: {phrase}")


def main(arguments: Sequence[str]) -> int:
    families = read_families()
    if list(arguments) == ["--tuning"]:
        _print(Half.TUNING, evaluate(half(families, Half.TUNING)))
        return 0
    if arguments:
        print("usage: python -m bench.chat [--tuning]", file=sys.stderr)
        return 2
    outcome = evaluate(half(families, Half.HELD_BACK))
    _print(Half.HELD_BACK, outcome)
    good = (
        outcome.macro >= LEAST_MACRO
        and outcome.wrong_personal <= MOST_WRONG_PERSONAL
        and sorted(outcome.ms)[int(0.99 * len(outcome.ms))] < MOST_MS
    )
    print("targets met" if good else "targets missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
