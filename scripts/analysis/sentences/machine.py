"""What the page says of the machine, against the run's JSON."""

from __future__ import annotations

import re

from analysis.sentences.plain import Plain
from analysis.sentences.reading_page import DATA, data, kind, listed, near, number

NAMES = "|".join(
    re.escape(name)
    for name in (
        "CPU", "cores", "hardware threads a core (SMT)", "caches", "memory", "GPUs", "GPU driver",
        "GPU multiprocessors", "GPU clock", "GPU memory clock", "GPU memory's peak",
        "GPU power limit", "GPU link", "virtualisation", "governor", "huge pages",
        "compiler version", "flags", "commit", "rounds", "measured",
    )
)  # fmt: skip
TEXTS = {
    "CPU": ("machine", "cpu", "model"),
    "virtualisation": ("machine", "virtualisation"),
    "governor": ("machine", "governor"),
    "huge pages": ("machine", "huge_pages"),
    "compiler version": ("project", "compiler_version"),
    "flags": ("project", "flags"),
    "commit": ("project", "commit"),
}
OF_GPUS = {
    "GPU driver": "driver",
    "GPU multiprocessors": "multiprocessors",
    "GPU clock": "max_sm_mhz",
    "GPU memory clock": "max_memory_mhz",
    "GPU memory's peak": "peak_gb_per_s",
    "GPU power limit": "power_limit_w",
    "GPU link": "link",
}


@kind(rf"({NAMES}): (.+)")
def told_of_the_machine(run: Plain, heading: str, found: re.Match[str]) -> None:
    what, told = found[1], found[2]
    machine = run.about["machine"]
    cpu, gpus = machine["cpu"], machine.get("gpus", [])
    assert heading == "The machine"
    if what in TEXTS:
        value = run.about
        for key in TEXTS[what]:
            value = value[key]
        assert told == value
    elif what in OF_GPUS:
        values = dict.fromkeys(gpu[OF_GPUS[what]] for gpu in gpus if gpu.get(OF_GPUS[what]))
        for shown, value in zip(told.split(", "), values, strict=True):
            is_text = isinstance(value, str)
            assert shown == value if is_text else near(number(shown.split()[0]), value)
    elif what == "GPUs":
        assert told.split(", ") == [gpu["name"] for gpu in gpus]
    elif what == "cores":
        assert int(told) == cpu["cores"]
    elif what.startswith("hardware threads"):
        assert int(told) * cpu["cores"] == cpu["threads"]
    elif what == "memory":
        assert near(data(told), machine["memory_bytes"])
    elif what == "caches":
        sizes = {data(size) for size in re.findall(DATA, told)}
        assert sizes == {c["bytes"] for c in cpu["caches"] if c["type"] != "instruction"}
        assert len(listed(told)) == len(sizes)
    elif what == "rounds":
        by_form = [len(rounds) for rounds in run.times.values()]
        assert int(told.removesuffix(" at most")) == max(by_form)
    else:
        assert what == "measured"
        assert run.about["started"].startswith(told)
