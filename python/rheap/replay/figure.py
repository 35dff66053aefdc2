"""What rounds of measuring gave, with its spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Figure:
    """What the rounds gave: the median, and the tenth and ninetieth percentile."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The figure of one value a round."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        median = statistics.median(values)
        low, *_, high = statistics.quantiles(values, n=10, method="inclusive")
        # Between equal values a quantile is rounded, which may put it on the median's other side.
        return cls(median, min(low, median), max(high, median))

    @property
    def inverse(self) -> Self:
        """The figure of the inverse ratios."""
        return type(self)(1 / self.median, 1 / self.high, 1 / self.low)

    @classmethod
    def of_ratios(cls, values: Sequence[float], others: Sequence[float]) -> Self:
        """The figure of the ratios of each value to the one of the same round in `others`."""
        return cls.of([value / base for value, base in zip(values, others, strict=True)])
