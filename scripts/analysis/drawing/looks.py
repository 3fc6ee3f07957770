"""How series look: colours that colour-blind readers tell apart, dashes and shapes."""

from __future__ import annotations

from dataclasses import dataclass

# Paul Tol's bright scheme, darkened where it would vanish on white; see
# https://personal.sron.nl/~pault/. Dash and shape tell the series apart without any colour.
LOOKS: dict[str, tuple[str, list[int], str]] = {
    "serial": ("#7b828c", [], "circle"),
    "threads": ("#4477aa", [], "square"),
    "openmp": ("#b8860b", [], "triangle-up"),
    "stdpar": ("#228833", [], "diamond"),
    "processes": ("#aa5533", [6, 3], "triangle-down"),
    "mpi": ("#6a51a3", [8, 2, 2, 2], "triangle-right"),
    "python": ("#3a9bbf", [2, 2], "circle"),
    "numpy": ("#c0448c", [6, 3], "cross"),
    "cuda resident": ("#c0448c", [], "cross"),
    "cuda kernel": ("#8c6bd1", [2, 2], "triangle-right"),
    "cuda offload": ("#e0566a", [6, 3], "triangle-down"),
    "best CPU": ("#4477aa", [], "circle"),
    "GPU resident": ("#c0448c", [], "cross"),
    "GPU kernel": ("#8c6bd1", [], "triangle-right"),
    "GPU offload": ("#e0566a", [6, 3], "triangle-down"),
}
SPARE = ["#3a9bbf", "#a89a1f", "#aa5533", "#6a51a3", "#2f8f8f", "#8c564b"]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
DASHES = [[], [6, 3], [2, 2], [8, 2, 2, 2]]


@dataclass
class Series:
    """How one legend entry looks."""

    name: str
    colour: str
    dash: list[int]
    shape: str


def looks(names: list[str]) -> list[Series]:
    """A look for each name: that of the model where it is known, else the next spare one."""
    result = []
    spare = 0
    for name in names:
        if name in LOOKS:
            colour, dash, shape = LOOKS[name]
        else:
            colour, dash = SPARE[spare % len(SPARE)], DASHES[spare // len(SPARE) % len(DASHES)]
            shape = SHAPES[spare % len(SHAPES)]
            spare += 1
        result.append(Series(name, colour, dash, shape))
    return result


def plain_looks(names: list[str]) -> list[Series]:
    """Looks by position, for series that are not models."""
    colours = ["#4477aa", "#c0448c", "#228833", "#b8860b", "#e0566a", *SPARE]
    return [
        Series(
            name,
            colours[i % len(colours)],
            # Colours beyond the first five resemble some of them, so their lines differ too.
            DASHES[min(i // 5, i // len(colours) + 1) % len(DASHES)],
            SHAPES[i % len(SHAPES)],
        )
        for i, name in enumerate(names)
    ]
