"""The crossover against the vectors that the harness's own test reads too."""

import json
from pathlib import Path

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


def test_no_interval_no_brackets() -> None:
    point = crossover.Crossover("crossover", 2048.0)
    assert crossover.CrossoverInterval(point).text == "2.00 Ki"
    assert crossover.CrossoverInterval(point, 1024, 4096, 8).text == "2.00 Ki [1.00 Ki to 4.00 Ki]"


def test_a_wide_bracket_has_no_interval() -> None:
    point = crossover.Crossover("crossover", 2048.0, between=(1024, 4097))
    found = crossover.CrossoverInterval(point, 1900, 2100, 8)
    assert found.text == point.text == "between 1.00 Ki and 4.00 Ki"
