"""An exercise, step by step: what is asked, where it goes, and the picture of the region."""

from __future__ import annotations

from collections.abc import Sequence

from ... import _core
from ...console.guessing import RULE, Guess, Place, lettered, places_of, shown, take_guess
from ...console.terminal import Terminal
from ...pictures.heapmap import RegionMap
from ...pictures.palette import WILDERNESS
from ...replay.free_lists import FreeLists
from ...replay.measure import Result, Scheme, placing_of
from ...replay.reasons import is_right, why_not
from ...traces.exercises import COMPACTION


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
        self._inspection = scheme.inspect(trace, capacity)
        self._lists = FreeLists(scheme, capacity)
        self._payloads: list[int | None] = []

    def play(self, *, ask: bool) -> bool:
        """Shows each step; with `ask` the reader says first where the block goes.

        Returns whether it came to the end: the reader's input may end before.
        """
        terminal = self._terminal
        terminal.heading(f"{self._scheme.name}, coalescing {self._scheme.coalesce}")
        map_ = self._map()
        if ask:
            terminal.say(f"Where does each block go? Type {RULE}.")
            self._show(map_)
        guesses = []
        for word in self._words:
            places, guess = places_of(map_), None
            if ask and word.startswith("+"):
                try:
                    guess = take_guess(f"{word} goes to: ", places)
                except EOFError:
                    break
            payload = self._inspection.step()
            map_ = self._map()
            answer = self._describe(word, payload, places_of(map_))
            if guess is not None:
                guesses.append(is_right(guess, payload))
                answer += f" ({self._judge(guess, int(word[1:]), payload, places)})"
            self._show(map_, answer)
        if ask:
            terminal.say(f"{sum(guesses)} of {len(guesses)} guesses were right.")
        return self._inspection.position == len(self._words)

    def result(self) -> Result:
        """The figures, when what is left was played too."""
        self._inspection.finish(lambda done: None)
        placing = placing_of(self._trace, self._inspection)
        return Result(self._scheme.name, self._scheme.coalesce, None, placing)

    def _map(self) -> RegionMap:
        capacity = self._inspection.region()["capacity"]  # whole words of what was asked for
        return RegionMap.of_rows(self._inspection.rows(), capacity)

    def _show(self, map_: RegionMap, *answer: str) -> None:
        """The answer, the map, and the free lists, each in its order."""
        places = places_of(map_)
        named = {each.payload: str(each) for each in places}
        lists = [
            f"{what}: {', '.join(named[payload] for payload in payloads)}"
            for what, payloads in self._lists.lists(map_.blocks)
        ]
        behind = [f"{WILDERNESS}: {each}" for each in places if each.kind == WILDERNESS]
        self._terminal.output(
            *answer, lettered(map_, places), *(lists or ["free list: empty"]), *behind
        )

    def _judge(self, guess: Guess, size: int, payload: int | None, places: Sequence[Place]) -> str:
        if is_right(guess, payload):
            return "right"
        return f"not {guess}: {why_not(self._scheme.name, size, guess, payload, places)}"

    def _describe(self, word: str, payload: int | None, free: Sequence[Place]) -> str:
        if word == COMPACTION:
            after = "the free bytes are one hole now" if free else "there is no hole"
            return f"{word}  {self._compact()}; {after}"
        number = int(word[1:])
        if word.startswith("+"):
            self._lists.allocated(number)
            number = len(self._payloads)
            self._payloads.append(payload)
            if payload is None:
                return f"{word}  allocation {number} is refused"
            return f"{word}  allocation {number} goes to {shown(payload)}"
        freed = self._payloads[number]
        self._lists.freed(number, freed)
        return f"{word}  frees " + ("nothing" if freed is None else shown(freed))

    def _compact(self) -> str:
        """Notes what a compaction moved; returns it in words."""
        self._lists.compacted()
        moved = self._inspection.moved()
        places: dict[int | None, int] = {before: now for before, now, _ in moved}
        self._payloads = [places.get(payload, payload) for payload in self._payloads]
        if not moved:
            return "no block moved"
        blocks = "1 block" if len(moved) == 1 else f"{len(moved)} blocks"
        return f"{blocks} slid down, {sum(size for *_, size in moved):,} bytes"
