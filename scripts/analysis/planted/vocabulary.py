"""The vocabulary of planted runs: that of earlier runs, and what runs tell since."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from analysis.reading.vocabulary import EARLIER, vocabulary_of

MULTIPLY_ADDS = [2**k for k in range(11)]


def _planted() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(EARLIER.read_text(encoding="utf-8"))
    workloads: list[dict[str, Any]] = told["workloads"]
    double, reduce = (next(w for w in workloads if w["name"] == n) for n in ("double", "reduce"))
    new = [
        {**double, "name": "copy", "pattern": "map", "flops": 0},
        {**double, "name": "triad", "pattern": "map", "passes": 3, "flops": 2},
        {**reduce, "name": "dot", "passes": 2, "flops": 2},
        *[
            {**double, "name": f"fma{k}", "types": ["f32", "f64"], "flops": 2 * k,
             "family": "fma", "parameter": k}
            for k in MULTIPLY_ADDS
        ],
    ]  # fmt: skip
    workloads[2:2] = new
    for model in told["models"]:
        known = model["workloads"]
        for workload in new:
            like = "double" if workload["pattern"].startswith("map") else "reduce"
            if like in known:
                known[workload["name"]] = deepcopy(known[like])
    told["columns"][-1:-1] = [
        {"name": "cache", "unit": "", "group": "row", "meaning": "warm or cold"},
        {"name": "flops", "unit": "", "group": "row",
         "meaning": "floating-point operations of one operation"},
        {"name": "cuda_context", "unit": "", "group": "cost", "meaning": "1: beside a context"},
        *[
            {"name": name, "unit": "ns", "group": "tail", "meaning": f"what {name} is"}
            for name in ("op_p50_ns", "op_p90_ns", "op_p99_ns", "op_p999_ns", "op_max_ns",
                         "clock_ns")
        ],
    ]  # fmt: skip
    return told


TOLD = _planted()
VOCABULARY = vocabulary_of({"vocabulary": TOLD})
# Passes over an array's bytes, and operations an element.
PASSES: dict[str, int] = {w["name"]: w["passes"] for w in TOLD["workloads"]}
FLOPS: dict[str, int] = {w["name"]: w["flops"] for w in TOLD["workloads"]}
