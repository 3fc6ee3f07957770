"""Damage to a run's files, chosen by bytes: the same bytes damage the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

WORDS = [
    "", "0", "-0", "1", "-1", "1e300", "-1e300", "1e-300", "nan", "inf", "-inf", "0x10", "1,5",
    "9223372036854775807", "18446744073709551616", "4294967296", "0.1", "1e15", "2.5", " 7 ", "１",
    "ok", "noisy", "skipped", "failed", "warm", "cold", "cpu", "gpu0", "gpu0+gpu1", "gpu9", "none",
    "resident", "offload", "kernel", "f32", "i64", "serial", "cuda", "python", "best", "loop",
    "double", "reduce", "fma8", "count", "create", "switch", "wait", "chase", "link", "x", "x/y",
    "w:1",
    "a" * 5000,
    '"', "'", '""', "\n", "\r", "\0", "\ufeff", "\u202e", "\ud83d\ude00", "<b>", "{{x}}", "=1+1",
    ",",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 10**30, 1.5, 1e308, -1e308, 1e-308, float("nan"), float("inf"),
    "", "x", "1", "\ud800", "a" * 5000, [], {}, [[]], [{}], {"": {}}, [None, 1, "x"], {"x": "y"},
]  # fmt: skip


class Choices:
    """Bytes as decisions; when they are used up, everything is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def below(self, count: int) -> int:
        wide = 1 if count <= 256 else 3
        taken = self._data[self._at : self._at + wide]
        self._at += wide
        return int.from_bytes(taken, "little") % count if count > 0 else 0

    def of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]


@dataclass
class Pair:
    """A CSV as its rows, the first of them the header, and its JSON."""

    rows: list[list[str]]
    about: Any

    def copy(self) -> Pair:
        return Pair([list(row) for row in self.rows], json.loads(json.dumps(self.about)))


def _row(pair: Pair, choose: Choices) -> list[str]:
    return choose.of(pair.rows) if pair.rows else []


def _word(pair: Pair, choose: Choices) -> str:
    row = _row(pair, choose) if choose.below(3) == 0 else []
    return choose.of(row) if row else choose.of(WORDS)


def _cell(pair: Pair, choose: Choices) -> None:
    row = _row(pair, choose)
    if row:
        row[choose.below(len(row))] = _word(pair, choose)


def _column(pair: Pair, choose: Choices) -> None:
    """All, or every nth, of a column; the header stays."""
    column, step, word = choose.below(40), 1 + choose.below(4), _word(pair, choose)
    for row in pair.rows[1 + choose.below(3) :: step]:
        if column < len(row):
            row[column] = word


def _copied_column(pair: Pair, choose: Choices) -> None:
    here, there = choose.below(40), choose.below(40)
    for row in pair.rows[1:]:
        if max(here, there) < len(row):
            row[here] = row[there]


def _header(pair: Pair, choose: Choices) -> None:
    if pair.rows and pair.rows[0]:
        pair.rows[0][choose.below(len(pair.rows[0]))] = _word(pair, choose)


def _without_column(pair: Pair, choose: Choices) -> None:
    column = choose.below(40)
    for row in pair.rows:
        del row[column : column + 1]


def _scaled(pair: Pair, choose: Choices) -> None:
    column = choose.below(40)
    factor = choose.of([0.0, -1.0, 1e-9, 1e9, 1e300, 2.0])
    for row in pair.rows[1 :: 1 + choose.below(3)]:
        try:
            row[column] = repr(float(row[column]) * factor)
        except (ValueError, IndexError):
            continue


def _slice(pair: Pair, choose: Choices) -> slice:
    first = 1 + choose.below(max(len(pair.rows), 1))
    return slice(first, first + 1 + choose.below(200))


def _without_rows(pair: Pair, choose: Choices) -> None:
    del pair.rows[_slice(pair, choose)]


def _rows_again(pair: Pair, choose: Choices) -> None:
    again = [list(row) for row in pair.rows[_slice(pair, choose)]]
    pair.rows[len(pair.rows) :] = again


def _few_rounds(pair: Pair, choose: Choices) -> None:
    """Only the rows of every nth configuration's first rounds."""
    if pair.rows and "round" in pair.rows[0]:
        at, most = pair.rows[0].index("round"), str(choose.below(8))
        pair.rows[1:] = [row for row in pair.rows[1:] if row[at : at + 1] and row[at] <= most]


def _ragged(pair: Pair, choose: Choices) -> None:
    row = _row(pair, choose)
    if choose.below(2):
        del row[choose.below(len(row) + 1) :]
    else:
        row.extend([_word(pair, choose)] * (1 + choose.below(3)))


def _place(pair: Pair, choose: Choices) -> tuple[Any, Any] | None:
    """A container somewhere in the JSON, and a key in it."""
    inside, key = pair.about, None
    for _ in range(8):
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not keys:
            return None
        key = choose.of(keys)
        deeper = inside[key]
        if not isinstance(deeper, (dict, list)) or not deeper or choose.below(3) == 0:
            return inside, key
        inside = deeper
    return None


def _value(pair: Pair, choose: Choices) -> None:
    if not isinstance(pair.about, (dict, list)) or choose.below(60) == 1:
        pair.about = choose.of(VALUES)
    elif place := _place(pair, choose):
        place[0][place[1]] = json.loads(json.dumps(choose.of(VALUES)))


def _without_value(pair: Pair, choose: Choices) -> None:
    if isinstance(pair.about, (dict, list)) and (place := _place(pair, choose)):
        del place[0][place[1]]


def _value_elsewhere(pair: Pair, choose: Choices) -> None:
    if not isinstance(pair.about, (dict, list)):
        return
    here, there = _place(pair, choose), _place(pair, choose)
    if here and there:
        here[0][here[1]] = json.loads(json.dumps(there[0][there[1]]))


def _key_renamed(pair: Pair, choose: Choices) -> None:
    if isinstance(pair.about, (dict, list)) and (place := _place(pair, choose)):
        inside, key = place
        if isinstance(inside, dict):
            inside[_word(pair, choose)] = inside.pop(key)


DAMAGE: list[Callable[[Pair, Choices], None]] = [
    *[_cell, _column, _copied_column, _header, _without_column, _scaled, _without_rows],
    *[_rows_again, _few_rounds, _ragged, _value, _value, _value, _without_value],
    *[_value_elsewhere, _key_renamed],
]


def written(pair: Pair, line_end: str = "\n", ascii_only: bool = False) -> list[bytes]:
    """The bytes of both files."""
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end).writerows(pair.rows)
    described = json.dumps(pair.about, ensure_ascii=ascii_only)
    return [t.encode("utf-8", "surrogatepass") for t in (text.getvalue(), described)]


def damaged(pair: Pair, choose: Choices) -> list[bytes]:
    """The bytes of both files, damaged; of the CSV alone where the JSON is missing."""
    pair = pair.copy()
    for _ in range(1 + choose.below(6)):
        choose.of(DAMAGE)(pair, choose)
    files = written(pair, choose.of(["\n"] * 6 + ["\r\n", "\r"]), choose.below(2) == 0)
    for i, contents in enumerate(files):
        where = choose.below(len(contents) + 1)
        match choose.below(16):
            case 1:
                files[i] = contents[:where]
            case 2:
                files[i] = contents[:where] + bytes([choose.below(256)]) * 3 + contents[where:]
            case 3:
                files[i] = contents[:where] + b'"' + contents[where:]
    return files[:1] if choose.below(40) == 1 else files
