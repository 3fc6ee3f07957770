"""What the names in a run's CSV mean, as the harness tells it in its JSON."""

from __future__ import annotations

import json
from typing import Any

from analysis.reading.vocabulary import EARLIER
from baseline import plan
from baseline.tasks import DOUBLINGS

SCOPE = "resident"


def vocabulary(columns: list[str]) -> dict[str, Any]:
    """Workloads, models with their variants and roles, scopes, and the `columns` of the CSV.

    What they have in common with the harness's is told in its words.
    """
    known = {
        kind: {entry["name"]: entry for entry in entries}
        for kind, entries in json.loads(EARLIER.read_text(encoding="utf-8")).items()
    }
    return {
        "workloads": [
            {**known["workloads"][w], "types": [plan.TYPES[w]] if w in plan.TYPES else [*DOUBLINGS]}
            for w in plan.WAYS
        ],
        "models": [_model(name) for name in plan.MODELS],
        "scopes": [known["scopes"][SCOPE]],
        "columns": [known["columns"][name] for name in columns],
    }


def _model(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "processor": "cpu",
        "workloads": {
            workload: [
                {"name": variant, "role": way.role, "scopes": [SCOPE]}
                for variant, way in ways[name].items()
            ]
            for workload, ways in plan.WAYS.items()
            if name in ways
        },
    }
