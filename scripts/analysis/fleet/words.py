"""What comparing the nodes of a fleet found, in words."""

from __future__ import annotations

from analysis.fleet.behind import Fleet
from analysis.fleet.nodes import Node
from analysis.reading.run import ended
from analysis.words import listing, percent, plain, plural

MOST_NAMES = 8


def verdict(fleet: Fleet) -> str:
    """The answer: `n07 falls behind by 5 % or more`."""
    if not fleet.standings:
        return "too few of them measured the same for any to be compared"
    slow = list(dict.fromkeys(s.node.name for s in fleet.behind))
    if slow:
        return (
            f"{some(slow)} {'falls' if len(slow) == 1 else 'fall'} behind by {fleet.least} or more"
        )
    return f"none falls behind by {fleet.least}"


def problems(fleet: Fleet) -> list[str]:
    """What else is wrong with nodes, a line each."""
    return [
        *[f"{n.name}: {plural(n.wrong, 'sample')} failed verification" for n in fleet.wrong],
        *[
            f"{_names(nodes)}: the latest run {ended(how)}"
            for how, nodes in fleet.unfinished.items()
        ],
        *[
            f"{_names(nodes)} did not measure {what} as most others did"
            for what, nodes in fleet.lacking.items()
        ],
        *(
            [
                f"{_names(fleet.alone)} compared with none: fewer than two others have the "
                "same processor, options and configurations"
            ]
            if fleet.alone
            else []
        ),
    ]


def _names(nodes: list[Node]) -> str:
    return some([node.name for node in nodes])


def difference(what: str, have: list[tuple[str, list[Node]]]) -> str:
    """`microcode: 0xa1 (11 nodes), 0xa0 (n07)`."""
    parts = [
        f"{value or 'not recorded'} "
        f"({listing([n.name for n in nodes]) if len(nodes) <= 3 else plural(len(nodes), 'node')})"
        for value, nodes in have[:MOST_NAMES]
    ]
    if len(have) > MOST_NAMES:
        parts.append(plural(len(have) - MOST_NAMES, "other value"))
    return f"{what}: {', '.join(parts)}"


def some(names: list[str]) -> str:
    """All of few names, the first of many."""
    if len(names) <= MOST_NAMES:
        return listing(names)
    return listing([*names[:MOST_NAMES], f"{len(names) - MOST_NAMES} more"])


def lines(fleet: Fleet) -> list[str]:
    """All of it for a terminal, the answer first."""
    runs = sum(len(node.paths) for node in fleet.nodes)
    told = [f"{plural(len(fleet.nodes), 'node')}, {plural(runs, 'run')}: {verdict(fleet)}"]
    told += _behind(fleet)
    if found := [*problems(fleet), *(f"not read: {why}" for why in fleet.unread)]:
        told += ["", *found]
    if fleet.scatter:
        apart = [f"{what} {percent(spread)}" for what, spread in fleet.scatter.items()]
        told += ["", f"Like nodes lie apart by (one standard deviation): {', '.join(apart)}"]
    if fleet.differences:
        told += ["", "What differs between the nodes:"]
        told += [f"  {difference(what, have)}" for what, have in fleet.differences]
    return [plain(line) for line in told]


def _behind(fleet: Fleet) -> list[str]:
    if not fleet.behind:
        return []
    rows = [
        (s.node.name, s.what, f"{s.ratio:.2f}×", f"{s.low:.2f} to {s.high:.2f}",
         f"{s.slower} of {s.of}", f"{s.worst_ratio:.2f}× at {s.worst}")
        for s in fleet.behind
    ]  # fmt: skip
    header = ("node", "workload", "time", "95 % of all", f"slower by {fleet.least}", "most")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(5)]

    def line(row: tuple[str, ...]) -> str:
        return "  ".join([*(f"{c:<{w}}" for c, w in zip(row, widths, strict=False)), row[5]])

    return [
        "",
        "Median times over the median of the others, the slowest first:",
        *map(line, [header, *rows]),
    ]
