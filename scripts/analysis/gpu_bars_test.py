"""The table at the end of scripts/gpu-check."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import gpu_bars

COLUMNS = "workload,type,elements,variant,scope,round,time_ns,status"
MI = 1 << 20
GPU = {"name": "NVIDIA H100 80GB HBM3", "peak_gb_per_s": 3352.0, "peak_gflops": {"f32": 66900.0}}


def write(folder: Path, run: str, rows: list[tuple[str, str, int, str, str, float]]) -> None:
    """A pilot, which is far off, two rounds with `time` between them, and a failed one."""
    lines = [COLUMNS]
    for workload, kind, elements, variant, scope, time in rows:
        what = f"{workload},{kind},{elements},{variant},{scope}"
        lines += [f"{what},0,{time * 9},ok"]
        lines += [f"{what},1,{time * 0.5},ok", f"{what},2,{time * 1.5},noisy"]
        lines.append(f"{what},3,{time / 9},failed")
    (folder / f"{run}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def line(folder: Path, begin: str) -> list[str]:
    return next(text for text in gpu_bars.table(folder) if text.startswith(begin))[66:].split()


def test_bars(tmp_path: Path) -> None:
    assert line(tmp_path, "double, kernel, 256 Mi: CUB") == ["-", "1.000", "not", "measured"]
    double, reduce = ("double", "f32", 256 * MI), ("reduce", "f32", 256 * MI)
    ladder = [
        (*double, "best", "kernel", 705_800.0),
        (*double, "cub", "kernel", 714_800.0),
        (*reduce, "best", "kernel", 342_400.0),
        (*reduce, "cub", "kernel", 341_000.0),
    ]
    write(tmp_path, "ladder", ladder)
    write(tmp_path, "copies", [("fma1024", "f32", 256 * MI, "best", "kernel", 8_600_000.0)])
    write(tmp_path, "sums", [("triad", "f64", 256 * MI, "best", "kernel", 2_100_000.0)])
    write(tmp_path, "torch", [("copy", "f32", 256 * MI, "torch", "kernel", 712_300.0)])
    record = {"machine": {"gpus": [GPU]}}
    (tmp_path / "ladder.json").write_text(json.dumps(record), encoding="utf-8")
    stream = "BabelStream\nfunction,num_times,max_mbytes_per_sec\nTriad,50,3000000\n"
    (tmp_path / "babelstream.csv").write_text(stream, encoding="utf-8")

    assert line(tmp_path, "double, kernel, 256 Mi: CUB") == ["1.013", "1.000"]
    assert line(tmp_path, "reduce, kernel, 256 Mi: CUB") == ["0.996", "1.010", "MISSED"]
    assert line(tmp_path, "double, kernel, 256 Mi: a device") == ["1.009", "1.000"]
    assert line(tmp_path, "reduce, kernel, 256 Mi: share") == ["0.936", "0.935"]
    assert line(tmp_path, "triad, f64") == ["1.023", "1.000"]  # 6.442 GB in 2.1 ms over 3 TB/s
    assert line(tmp_path, "fma1024") == ["0.956", "0.850"]
    assert line(tmp_path, "dot, f64") == ["-", "1.000", "not", "measured"]
    # In binary units.
    stream = stream.replace("max_mbytes", "max_mibytes")
    (tmp_path / "babelstream.csv").write_text(stream, encoding="utf-8")
    assert line(tmp_path, "triad, f64")[0] == "0.975"


def test_reads_what_the_program_writes(tmp_path: Path) -> None:
    """The columns and keys of a run by crossover itself, kept in results/."""
    kept = Path(__file__).parents[2] / "results" / "xeon-vm-2-cores.csv"
    (tmp_path / "ladder.csv").write_bytes(kept.read_bytes())
    (tmp_path / "ladder.json").write_bytes(kept.with_suffix(".json").read_bytes())
    medians = gpu_bars.read_medians(tmp_path)
    assert medians[("double", "f32", "pool", "resident", 64 * MI)] > 0
    assert line(tmp_path, "double, kernel, 256 Mi: CUB")[0] == "-"
