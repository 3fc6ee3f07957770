"""References: what known devices reached, and how a run's devices compare with them.

A file in results/reference/ is one device: its identity and state, how many runs of how many
machines it is made of, and its rates. `scripts/reference` writes them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import BadInput
from analysis.reading.machine import positive
from analysis.reading.run import Run
from analysis.reference.devices import Device, Key, devices_of, rates_of
from analysis.statistics.stats import Estimate
from analysis.words import listing, percent, plural, significant

FOLDER = Path(__file__).parents[3] / "results" / "reference"
FORMAT = 1
# Within this the same model of a device is as expected, where its own spread is not known.
USUAL_SPREAD = 0.05
MANY_NOISY = 0.05


@dataclass(frozen=True)
class Rate:
    """A reference's rate in GB/s, the median over its runs, between `low` and `high`.

    The 95 % interval of a single run, and of several the lowest and the highest; None for a single
    run with too few rounds.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Reference:
    """What a device reached in `runs`, their ids, on `machines` machines."""

    identity: dict[str, Any]
    state: dict[str, Any]
    peak_gb_per_s: float | None
    runs: tuple[str, ...]
    machines: int
    rates: dict[Key, Rate]


@dataclass(frozen=True)
class Verdict:
    """One sentence on one device. `lower` says that it reached less than it should."""

    device: str
    sentence: str
    lower: bool


def made(runs: list[Run]) -> list[tuple[Device, dict[str, Any]]]:
    """A reference of each device in the runs, as JSON.

    Raises BadInput where one device was in different states, which no reference can mix.
    """
    found: list[tuple[Device, list[tuple[Run, dict[Key, Estimate]]]]] = []
    for run in runs:
        for device in devices_of(run.about):
            rates = rates_of(run, device, every_size=True)
            if not rates:
                continue
            known = next((k for k in found if k[0].identity == device.identity), None)
            if known is None:
                found.append((device, [(run, rates)]))
                continue
            if known[0].state != device.state:
                first = known[1][0][0].path.name
                raise BadInput(
                    f"{run.path.name} has {device.name} in another state than {first} "
                    f"({_different(known[0].state, device.state)}); give runs of one state"
                )
            known[1].append((run, rates))
    return [(device, _document(device, sources)) for device, sources in found]


def _different(a: dict[str, Any], b: dict[str, Any]) -> str:
    return listing([f"{n.replace('_', ' ')} {b[n]} instead of {a[n]}" for n in a if a[n] != b[n]])


def _document(device: Device, sources: list[tuple[Run, dict[Key, Estimate]]]) -> dict[str, Any]:
    keys = sorted({key for _, rates in sources for key in rates})
    rows = []
    for key in keys:
        each = [rates[key] for _, rates in sources if key in rates]
        values = [e.value for e in each]
        low, high = (each[0].low, each[0].high) if len(each) == 1 else (min(values), max(values))
        names = ("workload", "type", "cache", "scope", "elements")
        rate = {"gb_per_s": float(np.median(values)), "low": low, "high": high, "runs": len(each)}
        rows.append({**dict(zip(names, key, strict=True)), **rate})
    return {
        "format": FORMAT,
        "identity": device.identity,
        "state": device.state,
        "peak_gb_per_s": device.peak_gb_per_s,
        "machines": len({run.label for run, _ in sources}),
        "runs": [
            {
                "run": run.run_id,
                "commit": run.about.text("project.commit"),
                "started": run.about.text("started"),
            }
            for run, _ in sources
        ],
        "rates": rows,
    }


@lru_cache(maxsize=4)
def known(folder: Path = FOLDER) -> tuple[Reference, ...]:
    """The references in a folder; a file that is none of format 1 is left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.get("format") != FORMAT:
            continue
        rates = {
            (r["workload"], r["type"], r["cache"], r["scope"], r["elements"]): Rate(
                r["gb_per_s"], r["low"], r["high"]
            )
            for r in told["rates"]
        }
        found.append(
            Reference(
                told["identity"],
                told["state"],
                told["peak_gb_per_s"],
                tuple(run["run"] for run in told["runs"]),
                told["machines"],
                rates,
            )
        )
    return tuple(found)


def fits(reference: Reference, device: Device) -> bool:
    """Whether both are the same product; a lower power limit is a cap of it."""
    if reference.identity != device.identity:
        return False
    limit, usual = (positive(s.get("power_limit_w")) for s in (device.state, reference.state))
    return limit is None or usual is None or limit <= usual * 1.01


def verdicts(run: Run, references: tuple[Reference, ...]) -> list[Verdict]:
    """A sentence on each device of a run of which it has rates."""
    found = []
    for device in devices_of(run.about):
        rates = rates_of(run, device)
        if not rates:
            continue
        reference = next((r for r in references if fits(r, device)), None)
        compared = [key for key in rates if reference and key in reference.rates]
        if reference and set(reference.runs) <= {part.run_id for part in run.files}:
            sentence = f"{device.name}: the reference of this device comes from this run itself."
            found.append(Verdict(device.name, sentence, False))
        elif reference and compared:
            found.append(_against(run, device, rates, reference, compared))
        elif sentence := _of_peak(device, rates, references):
            found.append(Verdict(device.name, sentence, False))
    return found


def _against(
    run: Run, device: Device, rates: dict[Key, Estimate], reference: Reference, keys: list[Key]
) -> Verdict:
    lower, higher = [], []
    for key in keys:
        mine, usual = rates[key], reference.rates[key]
        low, high = usual.low or usual.value, usual.high or usual.value
        spread = max(USUAL_SPREAD, math.log(high / low))
        ratio = mine.value / usual.value
        told = f"{key[0]} {key[1]} {significant(mine.value)} GB/s of {significant(usual.value)}" + (
            "" if mine.certain else " (too few rounds to be sure)"
        )
        if (mine.high or mine.value) < low and ratio < 1 - spread:
            lower.append((ratio, f"{told}, lower by {percent(1 - ratio)}"))
        elif (mine.low or mine.value) > high and ratio > 1 + spread:
            higher.append((ratio, f"{told}, higher by {percent(ratio - 1)}"))
    made_of = f"{plural(len(reference.runs), 'run')} of {plural(reference.machines, 'machine')}"
    if not lower and not higher:
        return Verdict(
            device.name,
            f"{device.name}: as expected, {plural(len(keys), 'rate')} from memory within what "
            f"{made_of} reached.",
            False,
        )
    said = [told for _, told in sorted(lower)[:3]] + [told for _, told in higher[:3]]
    sentence = f"{device.name}: {'; '.join(said)} ({made_of})."
    if lower:
        causes = _causes(run, device, reference)
        sentence += f" Likely: {listing(causes)}." if causes else " Nothing recorded says why."
    return Verdict(device.name, sentence, bool(lower))


def _causes(run: Run, device: Device, reference: Reference) -> list[str]:
    """What the run recorded that would explain less than the reference's rate."""
    found = []
    state, usual = device.state, reference.state
    limit, full = positive(state.get("power_limit_w")), positive(usual.get("power_limit_w"))
    if limit and full and limit < full * 0.99:
        found.append(f"a power limit of {limit:.0f} W instead of {full:.0f} W")
    clock, top = positive(state.get("max_memory_mhz")), positive(usual.get("max_memory_mhz"))
    if clock and top and clock < top:
        found.append(f"a memory clock of {clock:.0f} MHz instead of {top:.0f} MHz")
    if state.get("ecc") is True and usual.get("ecc") is False:
        found.append("ECC, which the reference does without")
    if state.get("huge_pages") == "never" and usual.get("huge_pages") != "never":
        found.append("small pages")
    if state.get("governor") == "powersave" and usual.get("governor") != "powersave":
        found.append("the governor powersave")
    for name, words in (
        ("cpu_quota", "a quota of CPU time"),
        ("affinity", "CPUs that the process may not use"),
    ):
        have, others = positive(state.get(name)), positive(usual.get(name))
        if have and (others is None or have < others):
            found.append(words)
    table = run.configurations.filter(run.configurations["device"] == device.place)
    total, noisy = (int(table.get_column(name).sum()) for name in ("n", "noisy"))
    if noisy > MANY_NOISY * total:
        found.append("other work on the machine, or a clock that was held back (noisy samples)")
    return found


def _of_peak(device: Device, rates: dict[Key, Estimate], references: tuple[Reference, ...]) -> str:
    """Without a reference: the share of the peak, and what the generation's others reach."""
    if not device.peak_gb_per_s:
        return ""
    best = max(rates, key=lambda key: rates[key].value)
    share = rates[best].value / device.peak_gb_per_s
    text = (
        f"{device.name}: no reference of this device; {best[0]} {best[1]} reached "
        f"{percent(share)} of its memory's theoretical peak."
    )
    generation = device.identity.get("compute_capability")
    others = [
        max(rate.value for rate in r.rates.values()) / r.peak_gb_per_s
        for r in references
        if r.peak_gb_per_s and r.rates and r.identity.get("compute_capability") == generation
    ]
    if others:
        usual = percent(min(others))
        if len(others) > 1 and percent(max(others)) != usual:
            usual += f" to {percent(max(others))}"
        text += f" Other devices of compute capability {generation} reach {usual}."
    return text
