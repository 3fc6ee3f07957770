"""The top of the page: what its runs are called and where they ran."""

from __future__ import annotations

from analysis.chapters.costs import of_python
from analysis.drawing.markup import Child, el
from analysis.reading.run import Run


def give_names(runs: list[Run]) -> None:
    """Makes names unique: runs of one label get their start, or else a number."""
    for run in runs:
        run.name = f"{run.label}, Python" if of_python(run) else run.label
        for part in run.parts:
            part.name = part.path.name
    names = [run.name for run in runs]
    taken: set[str] = set()
    for run in runs:
        name = run.name
        if names.count(name) > 1:
            started = run.about.text("started")[:16].replace("T", " ")
            name = f"{name} {started}".strip() if started else name
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name} ({number})", number + 1
        taken.add(unique)
        run.name = unique


def header(runs: list[Run]) -> Child:
    """The question, and each run's machine and start."""
    lines = []
    # Of several machines there is a table.
    for run in runs if len(runs) == 1 else ():
        gpus = [str(g.get("name", "GPU")) for g in run.about.gpus]
        parts = [run.about.text("machine.cpu.model"), *dict.fromkeys(gpus)]
        when = run.about.text("started")[:16].replace("T", " ")
        text = " and ".join(" ".join(p.split())[:120] for p in parts if p) or "unknown machine"
        lines.append(el("p", text + (f", measured {when} UTC" if when else "")))
    return [
        el("p", "At what size, by how much and at what cost does more parallel hardware win?"),
        *lines,
    ]
