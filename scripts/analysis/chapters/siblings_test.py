"""A second hardware thread beside a second core, and what a lesson says of what is not there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.chapters.costs_test import HARDWARE, SIZES, page_of, rows_of, written
from analysis.page.report import LESSON
from analysis.planted import costs as planted_costs
from analysis.planted.runs import Configuration, configurations
from analysis.sentences.sentences_test import checked

GAIN = 1.25


def planned() -> list[Configuration]:
    """The pool of two workers on one core does GAIN times what one does."""
    rows = configurations(HARDWARE, ("double",), sizes=SIZES)
    alone = [r for r in rows if (r.model, r.variant, r.workers) == ("threads", "pool", 1)]
    return rows + [
        replace(r, variant="pool-siblings", workers=2, time_ns=r.time_ns / GAIN) for r in alone
    ]


def lesson(path: Path) -> Path:
    about = path.with_suffix(".json")
    told = json.loads(about.read_text())
    told["options"]["preset"] = "lesson"
    about.write_text(json.dumps(told))
    return path


def test_a_second_hardware_thread_beside_a_second_core(tmp_path: Path) -> None:
    path = written(tmp_path, planned())
    text, data = page_of(path)
    bars = {r["k"]: r["y"] for r in rows_of(data, "siblings-1")}
    assert bars["two on one core"] / bars["one worker"] == pytest.approx(GAIN, rel=0.02)
    found = re.search(
        r"two workers on one core do 1\.2\d× what one does, on two cores (\d\.\d+)×", text
    )
    two = bars["two on two cores"] / bars["one worker"]
    assert float(found[1]) == pytest.approx(two, rel=0.01)
    _, wrong = checked(path)
    assert not [w for w in wrong if "hardware thread" in w], wrong


def test_without_one_there_is_no_such_chart(tmp_path: Path) -> None:
    rows = [r for r in planned() if r.variant != "pool-siblings"]
    _, data = page_of(written(tmp_path, rows))
    assert "siblings-1" not in data["figures"]


def section_of(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.S)
    return found[0] if found else ""


@pytest.mark.parametrize("smt", [1, 2])
def test_a_lesson_says_what_another_machine_would_show(tmp_path: Path, smt: int) -> None:
    hardware = replace(HARDWARE, smt=smt)
    rows = configurations(hardware, ("double",), sizes=SIZES[:3])
    path = written(tmp_path, rows, hardware=hardware)
    assert "No GPU was measured here" not in page_of(path)[0]
    text, _ = page_of(lesson(path))
    assert "No GPU was measured here. With one, this section has one multiprocessor" in text
    assert ("No core of this machine has a second hardware thread" in text) == (smt == 1)
    _, wrong = checked(path)
    assert not [w for w in wrong if "measured here" in w or "hardware thread" in w], wrong


def test_a_lessons_sections_come_in_its_order_and_all_open(tmp_path: Path) -> None:
    rows = configurations(HARDWARE, ("double",), sizes=SIZES[:3])
    rows += [c for make in (planted_costs.count, planted_costs.create, planted_costs.wait)
             for c in make(HARDWARE)]  # fmt: skip
    path = written(tmp_path, rows)
    plain, _ = page_of(path)
    text, _ = page_of(lesson(path))

    def order(page: str) -> list[str]:
        return [s for s in re.findall(r'<section id="([\w-]+)"', page) if s in LESSON]

    assert order(text) == [s for s in LESSON if s in order(text)]
    assert order(plain) != order(text)
    folded = {
        page: [s for s in LESSON if 'class="folded"' in section_of(page, s)]
        for page in (plain, text)
    }
    assert folded[plain]
    assert folded[text] == []
