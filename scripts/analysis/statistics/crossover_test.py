"""The crossover against the vectors that the harness's own test reads too."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.statistics import crossover

VECTORS = json.loads(
    (Path(__file__).parents[3] / "common/harness/crossover_cases.json").read_text()
)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_shared_vectors(case: dict) -> None:
    answer = crossover.find(dict(case["a"]), dict(case["b"]))
    assert (answer.kind, answer.clean, answer.text) == (case["kind"], case["clean"], case["text"])
    if case["size"] is None:
        assert answer.size is None
    else:
        assert answer.size == pytest.approx(case["size"], rel=1e-9)


@pytest.mark.parametrize(("elements", "text"), VECTORS["sizes"])
def test_shared_sizes(elements: float, text: str) -> None:
    assert crossover.format_size(elements) == text


def test_every_kind_has_a_vector() -> None:
    kinds = {(case["kind"], case["clean"]) for case in VECTORS["cases"]}
    assert kinds == {
        ("always", True),
        ("never", True),
        ("crossover", True),
        ("crossover", False),
        ("not monotonic", False),
        ("no common sizes", True),
    }


def test_interval_counts_resamples_without_a_crossover() -> None:
    sizes = [1024, 4096, 16384]
    leads = np.array([[-1.0, 1.0, 2.0]] * 90 + [[-1.0, -0.5, -0.1]] * 10)
    answer = crossover.with_interval(sizes, [-1.0, 1.0, 2.0], leads)
    assert answer.shares["crossover"] == pytest.approx(0.9)
    assert answer.shares["never"] == pytest.approx(0.1)
    assert (answer.low, answer.high) == (pytest.approx(2048), 16384)


def test_no_resamples_no_interval() -> None:
    answer = crossover.with_interval([1024, 4096], [-1.0, 1.0], None)
    assert (answer.low, answer.high) == (None, None)
    assert answer.text == "2.00 Ki"
