"""The compiled original, built from its Rust sources and run as the other side of a comparison."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median


def add_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark take the folder of the original's sources."""
    parser.add_argument("--original", type=Path, help="folder with the original's Rust sources")


def build(sources: Path) -> Path:
    """Compile the original in a copy of its sources; the path of its benchmark program."""
    copy = Path(tempfile.mkdtemp(prefix="original-")) / "rust"
    shutil.copytree(sources, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    subprocess.run(["cargo", "build", "--release", "--offline", "-q"], cwd=copy, check=True)
    return copy / "target" / "release" / "bench"


def rate(program: Path, records: int, window: int, subscribers: int) -> dict[str, float]:
    """Records per second of one run of the original's channel path."""
    arguments = [f"n={records}", f"window={window}", f"subs={subscribers}", "reps=1"]
    run = subprocess.run([program, "chan", *arguments], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def beside(
    ours: list[float], theirs: list[dict[str, float]], result: dict[str, object]
) -> dict[str, object]:
    """The result with the original's rate and the ratio of the medians."""
    other = median(run["rec_per_s"] for run in theirs)
    return {**result, "original_per_s": round(other), "ratio": round(median(ours) / other, 2)}
