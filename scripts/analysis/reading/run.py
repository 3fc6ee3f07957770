"""A run: its samples by configuration, and the curves that charts and comparisons are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from analysis.reading.machine import Machine
from analysis.reading.plan import Plan, plan_of
from analysis.reading.vocabulary import Vocabulary
from analysis.statistics import estimates, stats

# What tells configurations apart; a fleet's by their `node` as well.
KEY = ["workload", "type", "model", "variant", "scope", "elements", "workers", "device", "cache"]
WARM = "warm"


@dataclass(frozen=True)
class LeftOut:
    """Rows of the file that are in no chart, by reason."""

    failed: int = 0
    skipped: int = 0
    incomplete: int = 0
    unknown_status: int = 0
    duplicates: int = 0
    pilot: int = 0  # as planned, so no reason to doubt anything
    unknown_columns: list[str] = field(default_factory=list)

    def __add__(self, other: LeftOut) -> LeftOut:
        columns = list(dict.fromkeys(self.unknown_columns + other.unknown_columns))
        counts = {
            name: count + getattr(other, name)
            for name, count in vars(self).items()
            if name != "unknown_columns"
        }
        return LeftOut(**counts, unknown_columns=columns)

    def reasons(self) -> list[tuple[int, str]]:
        """Counts and words for what was left out, without the zeros."""
        all_reasons = [
            (self.failed, "failed verification"),
            (self.skipped, "were skipped by the harness"),
            (self.incomplete, "are incomplete or not numbers"),
            (self.unknown_status, "have a status that is not known here"),
            (self.duplicates, "repeat a sample that is there already"),
        ]
        return [(count, why) for count, why in all_reasons if count]


def ended(status: str) -> str:
    """How a run ended that did not end whole, in words."""
    return {"running": "has not finished", "failed": "ended with failures"}.get(
        status, "was interrupted"
    )


@dataclass
class Run:
    """One run of the harness.

    `samples` has one row a measured sample that counts (status ok or noisy, and no pilot): the
    configuration's columns and its number `config`, `round`, `time_ns` and what telemetry there
    is. `troubles` counts noisy, skipped and failed rows by configuration and note.
    """

    path: Path
    run_id: str
    label: str
    about: Machine
    vocabulary: Vocabulary
    samples: pl.DataFrame
    troubles: pl.DataFrame
    left_out: LeftOut
    rows: int
    notices: list[str] = field(default_factory=list)
    name: str = ""
    node: str = ""  # which of a fleet's, where they were told apart
    parts: list[Run] = field(default_factory=list)  # the runs of one machine that it was made of

    def __post_init__(self) -> None:
        self.label = " ".join(self.label.split())[:80] or "unnamed"
        self.name = self.name or self.label

    @cached_property
    def plan(self) -> Plan:
        """What it meant to measure."""
        return plan_of(self.about.data)

    @property
    def files(self) -> list[Run]:
        """The runs that were read: itself, or those that it was made of."""
        return self.parts or [self]

    @property
    def key(self) -> list[str]:
        """The columns that tell configurations apart."""
        return [name for name in [*KEY, "node"] if name in self.samples.columns]

    @cached_property
    def configurations(self) -> pl.DataFrame:
        """One row a configuration: its columns, `n`, `noisy`, `median`, `low` and `high` in ns.

        `low` and `high` are null below six samples, and farther apart for a model whose rounds
        are alike (widening()). `first` is where its times begin in
        `sorted_times`.
        """
        times = self.sorted_times
        grouped = (
            self.samples.group_by("config")
            .agg(
                *[pl.col(name).first() for name in self.key],
                pl.col("bytes", "flops").max(),
                pl.len().alias("n"),
                (pl.col("status").cast(pl.String) == "noisy").sum().alias("noisy"),
            )
            .sort("config")
            .with_columns(*[pl.col(n).cast(pl.String) for n in self.key if n not in _INTEGERS])
            .with_columns(pl.col("device").fill_null("cpu"))
        )
        if grouped.height == 0:
            empty = pl.lit(None, dtype=pl.Float64)
            return grouped.with_columns(
                empty.alias("median"),
                empty.alias("low"),
                empty.alias("high"),
                pl.lit(0, dtype=pl.Int64).alias("first"),
            )
        n = grouped.get_column("n").to_numpy().astype(np.int64)
        first = np.concatenate([[0], np.cumsum(n)[:-1]])
        median = (times[first + (n - 1) // 2] + times[first + n // 2]) / 2
        low, high = np.full(len(n), np.nan), np.full(len(n), np.nan)
        for count in np.unique(n):
            ranks = stats.median_ranks(int(count))
            if ranks is not None:
                rows = np.flatnonzero(n == count)
                low[rows], high[rows] = times[first[rows] + ranks[0]], times[first[rows] + ranks[1]]
        factor = np.array(
            [
                estimates.widening_for(self.correlation(model), int(rounds))
                for model, rounds in zip(grouped.get_column("model"), n, strict=True)
            ]
        )
        low, high = (stats.drawn_apart(median, bound, factor) for bound in (low, high))
        return grouped.with_columns(
            pl.Series("median", median),
            pl.Series("low", low).fill_nan(None),
            pl.Series("high", high).fill_nan(None),
            pl.Series("first", first),
        )

    @cached_property
    def correlations(self) -> dict[str, float]:
        """How alike neighbouring rounds are, by model: the mean over its configurations."""
        found = (
            self.samples.group_by("config")
            .agg(pl.col("model").first().cast(pl.String), pl.len().alias("n"))
            .sort("config")
        )
        counts = found.get_column("n").to_numpy().astype(np.int64)
        each = estimates.neighbour_correlations(self._by_round[1], counts)
        enough = found.with_columns(pl.Series("r", each)).filter(pl.col("n") >= stats.FEWEST_ROUNDS)
        return dict(enough.group_by("model").agg(pl.col("r").mean()).sort("model").iter_rows())

    def correlation(self, *models: str) -> float:
        """How alike neighbouring rounds are: the most of these models'."""
        return max(self.correlations.get(model, 0.0) for model in models)

    @cached_property
    def sorted_times(self) -> np.ndarray:
        """All times in ns, by configuration and then ascending."""
        ordered = self.samples.select("config", "time_ns").sort("config", "time_ns")
        return ordered.get_column("time_ns").to_numpy()

    @cached_property
    def _by_round(self) -> tuple[np.ndarray, np.ndarray]:
        ordered = self.samples.select("config", "round", "time_ns").sort("config", "round")
        return ordered.get_column("round").to_numpy(), ordered.get_column("time_ns").to_numpy()

    def times(self, configs: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """The rounds, ascending, and times in ns shaped (configurations, rounds), NaN for none.

        `configs` are values of the column `config`.
        """
        table = self.configurations
        first, n = table.get_column("first").to_numpy(), table.get_column("n").to_numpy()
        rounds, times = self._by_round
        parts = [slice(int(first[c]), int(first[c]) + int(n[c])) for c in configs]
        all_rounds = (
            np.unique(np.concatenate([rounds[p] for p in parts])) if parts else np.array([])
        )
        matrix = np.full((len(configs), len(all_rounds)), np.nan)
        for row, part in enumerate(parts):
            matrix[row, np.searchsorted(all_rounds, rounds[part])] = times[part]
        return all_rounds, matrix

    def extras(self, configs: list[int]) -> dict[int, dict[str, float]]:
        """Medians of the error and of the costs' and tails' columns by value of `config`.

        What no sample tells is missing.
        """
        told = [*self.vocabulary.group("cost"), *self.vocabulary.group("tail")]
        names = ["error", *[column.name for column in told]]
        present = [name for name in names if name in self.samples.columns]
        table = (
            self.samples.filter(pl.col("config").is_in(configs))
            .group_by("config")
            .agg(
                pl.col(name).filter(pl.col(name).is_finite() & (pl.col(name) >= 0)).median()
                for name in present
            )
        )
        return {
            row["config"]: {name: float(row[name]) for name in present if row[name] is not None}
            for row in table.iter_rows(named=True)
        }

    @property
    def rounds(self) -> int:
        """The most samples that any configuration has."""
        return max(self.configurations.get_column("n").to_list(), default=0)

    @property
    def status(self) -> str:
        """`complete`, `interrupted`, `failed`, `running` or `unknown`, as the JSON tells."""
        told = self.about.text("status")
        if told:
            return told
        return (
            "unknown"
            if self.about.problem or not self.about.text("started")
            else ("complete" if self.about.text("ended") else "interrupted")
        )


_INTEGERS = {"elements", "workers"}
