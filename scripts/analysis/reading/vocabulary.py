"""What a run's names mean: its own vocabulary, or that of the runs before they had one.

The harness writes the vocabulary into the JSON of each run; `earlier.json` holds what it knew
before. Nothing here trusts the shape of either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

EARLIER = Path(__file__).parent / "earlier.json"


@dataclass(frozen=True)
class Workload:
    """A workload: of `array`s or a `cost`. Those of a family differ by `parameter` alone.

    `passes` counts how often an element's bytes are read or written; `unit_bytes` is the memory
    that a unit of a cost lies in, 0 where it is not about memory.
    """

    name: str
    kind: str = "array"
    unit: str = "element"
    pattern: str = ""
    types: tuple[str, ...] = ()
    family: str = ""
    parameter: float = 0
    passes: int = 0
    unit_bytes: int = 0


@dataclass(frozen=True)
class Variant:
    """One way in which a model does a workload; its role is `best`, `step` or `library`."""

    name: str
    role: str


@dataclass(frozen=True)
class Column:
    """A column of the CSV; its group is `row`, `telemetry`, `cost` or `tail`."""

    name: str
    unit: str
    group: str
    meaning: str

    @property
    def label(self) -> str:
        """Its name without the unit behind it, as words."""
        return self.name.removesuffix(f"_{self.unit.lower().lstrip('°')}").replace("_", " ")


@dataclass(frozen=True)
class Vocabulary:
    """All of them, each in the order of documentation."""

    workloads: dict[str, Workload] = field(default_factory=dict)
    variants: dict[str, dict[str, list[Variant]]] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        """All models."""
        return list(self.variants)

    @property
    def types(self) -> list[str]:
        """The element types of all workloads."""
        return list(dict.fromkeys(t for w in self.workloads.values() for t in w.types))

    def workload(self, name: str) -> Workload:
        """The workload, also one that it does not know."""
        return self.workloads.get(name, Workload(name))

    def ladder(self, model: str, workload: str) -> list[Variant]:
        """The variants of a model for a workload, the ladder's first step first."""
        return self.variants.get(model, {}).get(workload, [])

    def role(self, model: str, workload: str, variant: str) -> str:
        """The variant's role; that of one that it does not know is `step`."""
        return next((v.role for v in self.ladder(model, workload) if v.name == variant), "step")

    def place(self, model: str, workload: str, variant: str) -> int:
        """Where the variant stands in its ladder; behind all others one that it does not know."""
        return place([v.name for v in self.ladder(model, workload)], variant)

    def group(self, name: str) -> list[Column]:
        """The columns of one group."""
        return [c for c in self.columns.values() if c.group == name]


def place(order: list[str], name: str) -> int:
    """Where `name` stands in `order`; behind all others where it does not."""
    return order.index(name) if name in order else len(order)


def vocabulary_of(description: dict[str, Any]) -> Vocabulary:
    """The vocabulary of a run by its description, or that of the runs before it."""
    told = _read(description.get("vocabulary"))
    return told if told.columns else earlier()


@lru_cache(maxsize=1)
def earlier() -> Vocabulary:
    """The vocabulary of the runs that wrote none."""
    return _read(json.loads(EARLIER.read_text(encoding="utf-8")))


def _read(told: object) -> Vocabulary:
    if not isinstance(told, dict):
        return Vocabulary()
    return Vocabulary(
        {name: _workload(name, w) for name, w in _named(told.get("workloads"))},
        {name: _variants(model.get("workloads")) for name, model in _named(told.get("models"))},
        [name for name, _ in _named(told.get("scopes"))],
        {
            name: Column(name, _text(c, "unit"), _text(c, "group"), _text(c, "meaning"))
            for name, c in _named(told.get("columns"))
        },
    )


def _workload(name: str, told: dict[str, Any]) -> Workload:
    parameter, types = told.get("parameter"), told.get("types")

    def count(key: str) -> int:
        value = told.get(key)
        return value if isinstance(value, int) and value > 0 else 0

    return Workload(
        name,
        _text(told, "kind") or "array",
        _text(told, "unit") or "element",
        _text(told, "pattern"),
        tuple(t for t in types if isinstance(t, str)) if isinstance(types, list) else (),
        _text(told, "family"),
        parameter if isinstance(parameter, (int, float)) else 0,
        count("passes"),
        count("unit_bytes"),
    )


def _variants(told: object) -> dict[str, list[Variant]]:
    found = told.items() if isinstance(told, dict) else []
    return {w: [Variant(name, _text(v, "role")) for name, v in _named(vs)] for w, vs in found}


def _named(told: object) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list that have a name, with their names."""
    items = told if isinstance(told, list) else []
    return [(_text(i, "name"), i) for i in items if isinstance(i, dict) and _text(i, "name")]


def _text(told: dict[str, Any], key: str) -> str:
    """A text on one line, empty where there is none."""
    value = told.get(key)
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
