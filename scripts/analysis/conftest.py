"""What the tests share: planted runs, written once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.drawing import figure
from analysis.page.browsing import browser as browser
from analysis.planted import costs as planted_costs
from analysis.planted.hardware import Hardware, three_machines
from analysis.planted.runs import configurations, write_run


@pytest.fixture(scope="session", autouse=True)
def _charts_are_checked_where_tests_say_so() -> Iterator[None]:
    """As in scripts/report; end_to_end_test.py checks the charts of all chapters."""
    with figure.checked(False):
        yield


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of three machines, and one of the second that was interrupted in its third round."""
    folder = tmp_path_factory.mktemp("runs")
    sizes = [4**k for k in range(5, 15)]
    written = {}
    for hardware in three_machines():
        written[hardware.label] = write_run(
            folder / f"{hardware.label}.csv",
            configurations(hardware, sizes=sizes),
            hardware=hardware,
            seed=5,
            disturbed=0.01,
            telemetry=hardware.label == "server",
        )
    hardware = Hardware("costs", gpu=False)
    planned = configurations(hardware, sizes=sizes) + planted_costs.all_of(hardware, sizes)
    written["costs"] = write_run(folder / "costs.csv", planned, rounds=7, hardware=hardware)
    planned = planted_costs.python(hardware, sizes[:6]) + planted_costs.python_count()
    written["python"] = write_run(folder / "python.csv", planned, hardware=hardware, seed=2)
    hardware = Hardware("cut")
    planned = configurations(hardware, sizes=sizes, ladder=False)
    written["interrupted"] = write_run(
        folder / "interrupted.csv", planned, hardware=hardware, stop_after=2 * len(planned) + 37
    )
    return written
