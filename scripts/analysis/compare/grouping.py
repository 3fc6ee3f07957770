"""The groups of configurations that a comparison gives verdicts for."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.reading.run import WARM
from analysis.statistics.stats import Floats

# A curve is everything but the size. Of groups with the same members the first kind is kept.
CURVE = ["workload", "type", "model", "variant", "scope", "workers", "device", "cache", "node"]
KINDS: dict[str, list[str]] = {
    "all": [],
    "workload": ["workload"],
    "model": ["model"],
    "type": ["type"],
    "caches": ["cache"],
    "node": ["node"],
    "workload and model": ["workload", "model"],
    "form": ["model", "variant", "scope", "device"],
    "size": ["elements"],
    "workers": ["workers"],
    "size and workers": ["elements", "workers"],
    "curve": CURVE,
}
FEWEST_MEMBERS = 3


@dataclass(frozen=True)
class Groups:
    """Groups of `count` configurations: `kind` is a place in KINDS that are in use.

    `pairs` holds places of configurations that are neighbours on a curve.
    """

    names: list[str]
    kinds: list[str]
    kind: NDArray[np.int64]
    members: Floats
    configurations: list[str]
    curves: NDArray[np.int64]
    pairs: NDArray[np.int64]


def groups_of(rows: Sequence[dict[str, Any]]) -> Groups:
    """The groups of these configurations, given by the columns that tell them apart."""
    names: list[str] = []
    kinds: list[str] = []
    kind: list[int] = []
    members: list[Floats] = []
    seen: set[bytes] = set()
    for of_kind, columns in KINDS.items():
        found: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            found[tuple(row.get(name) for name in columns)].append(i)
        for key, places in found.items():
            member = np.zeros(len(rows))
            member[places] = 1
            if (columns and len(places) < FEWEST_MEMBERS) or member.tobytes() in seen:
                continue
            seen.add(member.tobytes())
            if of_kind not in kinds:
                kinds.append(of_kind)
            names.append(group_name(of_kind, dict(zip(columns, key, strict=True))))
            kind.append(kinds.index(of_kind))
            members.append(member)
    curves, pairs = _neighbours(rows)
    return Groups(
        names,
        kinds,
        np.array(kind, dtype=np.int64),
        np.array(members).reshape(len(members), len(rows)),
        [configuration_name(row) for row in rows],
        curves,
        pairs,
    )


def _neighbours(rows: Sequence[dict[str, Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The curve of each configuration, and pairs of neighbours on one."""
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        found[tuple(row.get(name) for name in CURVE)].append(i)
    curves = np.zeros(len(rows), dtype=np.int64)
    pairs: list[tuple[int, int]] = []
    for number, places in enumerate(found.values()):
        curves[places] = number
        ascending = sorted(places, key=lambda i: int(rows[i]["elements"]))
        pairs += itertools.pairwise(ascending)
    return curves, np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)


def configuration_name(row: dict[str, Any]) -> str:
    """The harness's name; a device or node is added where it is not the usual one."""
    return (
        f"{row['workload']}/{row['type']}/{row['model']}/{row['variant']}/{row['scope']}"
        f"/n:{row['elements']}/w:{row['workers']}" + _unusual(row)
    )


def _unusual(row: dict[str, Any]) -> str:
    return (
        (f"/{row['cache']}" if row.get("cache", WARM) != WARM else "")
        + (f"/{row['device']}" if row.get("device") not in (None, "cpu", "gpu0") else "")
        + (f"/{row['node']}" if row.get("node") else "")
    )


def group_name(kind: str, row: dict[str, Any]) -> str:
    """How a group is called in a sentence."""
    if kind == "all":
        return "everything"
    if kind == "size":
        return f"n:{row['elements']}"
    if kind == "workers":
        return f"w:{row['workers']}"
    if kind == "size and workers":
        return f"n:{row['elements']}/w:{row['workers']}"
    if kind == "workload and model":
        return f"{row['workload']}/{row['model']}"
    if kind == "form":
        return f"{row['model']}/{row['variant']}/{row['scope']}" + _unusual(row)
    if kind == "curve":
        return (
            f"{row['workload']}/{row['type']}/{row['model']}/{row['variant']}/{row['scope']}"
            f"/w:{row['workers']}" + _unusual(row)
        )
    return str(next(iter(row.values())))
