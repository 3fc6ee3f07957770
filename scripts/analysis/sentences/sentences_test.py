"""Every sentence with a number or a claim on the pages of the real runs, computed another way.

A sentence of a kind that is not known here fails: who writes a new one adds its check.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.page.report import report
from analysis.reading.read import read_runs
from analysis.sentences import (
    answers,
    certainty,
    costs,
    loads,
    machine,
    plain,
    python_kinds,
    scaling,
    waiting,
    ways,
)
from analysis.sentences.reading_page import KINDS, Text, texts
from analysis.sentences.timeless import in_place

RESULTS = Path(__file__).parents[3] / "results"
CHECKS = [answers, certainty, costs, loads, machine, python_kinds, scaling, waiting, ways]
RUNS = sorted(RESULTS.glob("*.csv"))
EXPLAINS = ("figcaption", "p.why")
END = re.compile(r"\(.*?\)(?= |$)|.*?[.](?= |$)")


def sentences(text: Text) -> list[tuple[str, re.Match[str] | None]]:
    """A text's sentences, each with the kind that it is of."""
    found, rest = [], text.text.removeprefix("Why: ")
    while rest:
        matches = [m for kind in KINDS if (m := kind.match(rest))]
        match = max(matches, key=lambda m: m.end(), default=None)
        ended = match or END.match(rest)
        end = ended.end() if ended else len(rest)
        found.append((rest[:end], match))
        rest = rest[end:].lstrip()
    return found


def checked(path: Path) -> tuple[int, list[str]]:
    """How many sentences of a run's page were recomputed, and which are wrong or unknown."""
    run = plain.read(path)
    document, _ = report(read_runs([path]))
    known, wrong = 0, []
    for text in texts(document):
        for sentence, match in sentences(text):
            if match is None:
                if text.kind not in EXPLAINS or not in_place(run, sentence):
                    wrong.append(f"UNKNOWN under {text.heading}: {sentence}")
                continue
            try:
                KINDS[match.re](run, text.heading, match)
                known += 1
            except Exception as error:
                wrong.append(f"WRONG under {text.heading}: {sentence}\n    {error!r:.300}")
    return known, wrong


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_what_the_page_says_is_in_the_file(path: Path) -> None:
    known, wrong = checked(path)
    assert not wrong, "\n".join(wrong)
    assert known > 3
