"""A comparison in words: for a terminal, for a pull request, and as JSON."""

from __future__ import annotations

import json
import math
import re

from analysis.commands import in_checkout
from analysis.compare.advice import MOST_RUNS_ADVISED
from analysis.compare.comparing import VERDICTS, Change, Comparison
from analysis.reading.run import Run
from analysis.words import duration, listing, plain, plural

# The layout of the JSON; a key that changes its meaning needs a new one.
FORMAT = 2
CODES = {"slower": "31", "faster": "32", "can't tell": "33", "same": "2"}


def as_json(result: Comparison) -> str:
    """Everything, as JSON; what is not a number becomes null."""

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def told(change: Change) -> dict[str, object]:
        common = {
            "name": change.name,
            "verdict": change.verdict,
            "called": change.called,
            "ratio": number(change.ratio),
            "low": number(change.low),
            "high": number(change.high),
            "p": number(change.p),
            "beyond": list(change.beyond),
        }
        if change.kind == "configuration":
            return {**common, "base_ns": change.base_ns, "new_ns": change.new_ns}
        return {
            **common,
            "kind": change.kind,
            "rival": change.rival or None,
            "members": change.members,
            "agree": change.agree,
        }

    document = {
        "format": FORMAT,
        "base": [_run(run) for run in result.base],
        "new": [_run(run) for run in result.new],
        "threshold": result.threshold,
        "provisional": result.provisional,
        "runs_needed_for_5_percent": result.needed,
        "warnings": result.warnings,
        "not_in_every_run": result.not_in_all,
        "too_few_rounds": result.too_few,
        "scatter_between_runs": result.scatter,
        "verdicts": {
            verdict: sum(c.verdict == verdict for c in result.configurations)
            for verdict in VERDICTS
        },
        "groups": [told(c) for c in result.groups],
        "configurations": [told(c) for c in result.configurations],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _run(run: Run) -> dict[str, str]:
    return {
        "file": run.path.name,
        "run": run.run_id,
        "label": run.label,
        "started": run.about.text("started"),
        "version": run.about.text("project.version"),
        "commit": run.about.text("project.commit"),
        "compiler": f"{run.about.text('project.compiler')} "
        f"{run.about.text('project.compiler_version')}".strip(),
    }


def headline(result: Comparison) -> str:
    """One line: how much was compared, and whether anything differs."""
    configurations = plural(len(result.configurations), "configuration")
    slower = sum(c.verdict == "slower" for c in result.found)
    faster = len(result.found) - slower
    parts = [
        plural(count, noun)
        for count, noun in ((slower, "slow-down"), (faster, "speed-up"))
        if count
    ]
    said = listing(parts) if parts else "no difference"
    provisional = ", provisional" if result.provisional else ""
    return f"{configurations} in every run: {said} found{provisional}"


def remarks(result: Comparison) -> list[str]:
    """What the reader must know to judge the table."""
    lines = list(result.warnings)
    if result.not_in_all:
        lines.append(f"{plural(result.not_in_all, 'configuration')} not in every run, left out")
    if result.too_few:
        lines.append(f"{plural(result.too_few, 'configuration')} with too few rounds, left out")
    needs = [
        f"{'about' if runs < MOST_RUNS_ADVISED else 'at least'} {runs} in a single {kind}"
        for kind, runs in result.needed.items()
    ]
    if result.provisional:
        lines.append(
            "Provisional: what varies from run to run cannot be known from so few. Three runs a "
            f"side or more settle it{in_checkout(' (scripts/run --repeat 3, in turns)')}, or "
            "--baseline with three "
            "or more runs of one program"
        )
    if needs:
        lines.append(f"Runs a side that find 5 %: {listing(needs)}")
    varying = [
        f"{spread:.1%} by {kind}"
        for kind, spread in result.scatter.items()
        if spread >= 0.01 and kind not in ("all", "configuration")
    ]
    if varying:
        lines.append(
            f"From run to run of one side times vary by {listing(varying)}; intervals allow for it"
        )
    return lines


def interval_text(change: Change) -> str:
    """The ratio with its 95 % interval."""
    return f"{change.ratio:.3f} [{change.low:.3f} to {change.high:.3f}]"


def detail(change: Change) -> str:
    """Times of a configuration; of a group how many of its members agree."""
    if change.kind == "configuration":
        text = f"{duration(change.base_ns)} → {duration(change.new_ns)}"
    else:
        text = f"{change.agree} of {plural(change.members, 'configuration')} agree"
    if change.called and change.beyond:
        text += f", beyond {listing(list(change.beyond))}"
    if change.rival:
        opposite = "faster" if change.verdict == "slower" else "slower"
        text += f", or {change.rival} {opposite}: all vary too much between runs to tell"
    return text


def listed(result: Comparison, everything: bool) -> list[Change]:
    """What a table shows: what was found, and all else on request."""
    return result.changes if everything else result.found


def rest_of(result: Comparison, everything: bool) -> str:
    """How the groups that were not called divide."""
    others = [c for c in result.groups if c not in result.found]
    same = sum(c.verdict == "same" for c in others)
    follow = sum(c.verdict in ("slower", "faster") for c in others)
    noun = "other group" if result.found else "group"
    told = (
        f"Of {plural(len(others), noun)} {same} are the same within "
        f"{result.threshold * 100:.3g} %, {follow} follow what was found, "
        f"{len(others) - same - follow} can't be told"
    )
    return told + ("" if everything else "; --all lists them")


def side_text(runs: list[Run]) -> str:
    """The files of a side and their labels."""
    names = ", ".join(plain(run.path.name) for run in runs)
    labels = ", ".join(dict.fromkeys(plain(run.label) for run in runs))
    return f"{plural(len(runs), 'run')}  {names}  {labels}"


def as_table(result: Comparison, everything: bool, colour: bool, width: int) -> str:
    """The table for a terminal, most important first."""
    lines = [
        f"BASE  {side_text(result.base)}",
        f"NEW   {side_text(result.new)}",
        headline(result),
        *[f"note: {plain(line)}" for line in remarks(result)],
    ]
    shown = listed(result, everything)
    if shown:
        # On a narrow terminal the middle of the names goes, then the details.
        names = [shortened(plain(change.name), max(20, width - 42)) for change in shown]
        column = max(len("what"), *map(len, names))
        lines += ["", f"{'verdict':<10}  {'what':<{column}}  new/base [95 % interval]"]
        for name, c in zip(names, shown, strict=True):
            verdict = f"{c.verdict:<10}"
            if colour:
                verdict = f"\033[{CODES[c.verdict]}m{verdict}\033[0m"
            line = f"{verdict}  {name:<{column}}  {interval_text(c):<24}"
            if 38 + column + len(detail(c)) <= width:
                line += f"  {plain(detail(c))}"
            lines.append(line)
    lines += ["", rest_of(result, everything)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shortened(text: str, room: int) -> str:
    """`text`, its middle left out where it is longer than `room`."""
    if len(text) <= room:
        return text
    return f"{text[: room // 2 - 1]}…{text[len(text) - (room - room // 2) :]}"


def as_markdown(result: Comparison, everything: bool) -> str:
    """The same table for a pull request."""

    def cell(text: str) -> str:
        safe = re.sub(r"([\\`*_{}\[\]<>()#|~!&])", r"\\\1", plain(text))
        return safe.replace("\\_", "_") if "\\" not in text else safe

    lines = [f"**{headline(result)}**", ""]
    for name, side in (("base", result.base), ("new", result.new)):
        about = dict.fromkeys(
            f"{run.label}, version {run.about.text('project.version') or 'unknown'}, commit "
            f"{run.about.text('project.commit') or 'unknown'}"
            for run in side
        )
        lines.append(f"- {name}: {plural(len(side), 'run')} of {cell('; '.join(about))}")
    lines += [f"- {cell(line)}" for line in remarks(result)]
    shown = listed(result, everything)
    if shown:
        lines += [
            "",
            "| verdict | what | new/base | 95 % interval | |",
            "| --- | --- | ---: | :---: | --- |",
        ]
        lines += [
            f"| {c.verdict} | {cell(c.name)} | {c.ratio:.3f} | {c.low:.3f} to {c.high:.3f} | "
            f"{cell(detail(c))} |"
            for c in shown
        ]
    lines += ["", cell(rest_of(result, everything))]
    return "\n".join(lines) + "\n"
