"""An exercise, step by step: what is asked, where it goes, and the picture of the region."""

from __future__ import annotations

from ... import _core
from ...console.guessing import RULE, shown, take_guess
from ...console.terminal import Terminal
from ...pictures.heapmap import RegionMap
from ...replay.measure import Result, Scheme, placing_of


class Exercise:
    """The words of an exercise, to be played on a scheme."""

    def __init__(
        self,
        terminal: Terminal,
        trace: _core.Trace,
        words: tuple[str, ...],
        scheme: Scheme,
        capacity: int,
    ) -> None:
        self._terminal = terminal
        self._trace = trace
        self._words = words
        self._scheme = scheme
        self._capacity = capacity
        self._inspection = scheme.inspect(trace, capacity)
        self._places: list[int | None] = []

    def play(self, *, ask: bool) -> bool:
        """Shows each step; with `ask` the reader says first where the block goes.

        Returns whether it came to the end: the reader's input may end before.
        """
        terminal = self._terminal
        terminal.heading(f"{self._scheme.name}, coalescing {self._scheme.coalesce}")
        if ask:
            terminal.say(
                f"Where does each block go? Type {RULE}. A payload stands 8 bytes behind its word, "
                f"the first at {shown(_core.FIRST_BLOCK + 8)}."
            )
        guesses = []
        for word in self._words:
            guess = None
            if ask and word.startswith("+"):
                try:
                    guess = take_guess(f"{word} goes to: ")
                except EOFError:
                    print()
                    break
            place = self._inspection.step()
            answer = self._describe(word, place)
            if guess is not None:
                guesses.append(guess == shown(place))
                answer += " (right)" if guesses[-1] else f" (not {guess})"
            terminal.output(answer, RegionMap.of_rows(self._inspection.rows(), self._capacity))
        if ask:
            terminal.say(f"{sum(guesses)} of {len(guesses)} guesses were right.")
        return self._inspection.position == len(self._words)

    def result(self) -> Result:
        """The figures, when what is left was played too."""
        self._inspection.finish(lambda done: None)
        placing = placing_of(self._trace, self._inspection)
        return Result(self._scheme.name, self._scheme.coalesce, None, placing)

    def _describe(self, word: str, place: int | None) -> str:
        if word.startswith("+"):
            number = len(self._places)
            self._places.append(place)
            if place is None:
                return f"{word}  allocation {number} is refused"
            return f"{word}  allocation {number} goes to {shown(place)}"
        freed = self._places[int(word[1:])]
        return f"{word}  frees " + ("nothing" if freed is None else shown(freed))
