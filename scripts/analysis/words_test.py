"""Numbers and texts as a reader wants them."""

from __future__ import annotations

import pytest

from analysis.words import duration, plain, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.6, "1,230"), (9.996, "10.0"), (0.001234, "0.00123"), (1e-12, "1.00e-12"),
     (float("inf"), "?"), (99.95, "100"), (123456, "123,000"), (-5.4321, "-5.43")],
)  # fmt: skip
def test_significant(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500 ns"), (999.4, "999 ns"), (999.9, "1.00 µs"), (31e6, "31.0 ms"), (2e9, "2.00 s")],
)
def test_duration(value: float, text: str) -> None:
    assert duration(value) == text


def test_plain_text_has_no_control_characters() -> None:
    assert plain("a\x1b[31m\u202eb\nc\0") == "a[31mb c"
