"""Functions that predict, for tests; each is imported in a process of its own."""

import os
import subprocess
import sys
import threading

import numpy as np

print("imported")  # what a module prints must not come between frames


def ham(artifact, columns):
    return ["ham" if size < 5 else "spam" for size in columns["size"].tolist()]


def seen(artifact, columns):
    """What it was given, as text: one label a record."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    kinds = ",".join(f"{name}:{column.dtype}" for name, column in columns.items())
    return [f"{artifact} {kinds} {row}" for row in rows]


def scored(artifact, columns):
    print("a line")
    size = columns["size"]
    return {"labels": np.where(size < 5, "ham", "spam"), "scores": size / 10}


def process(artifact, columns):
    return [f"{os.getpid()}"] * len(columns["size"])


def secret(artifact, columns):
    return [os.environ.get(artifact, "nothing")] * len(columns["size"])


def numbers(artifact, columns):
    return np.floor(columns["size"] / 5)


def table(artifact, columns):
    share = columns["size"] / 10
    return np.stack([1 - share, share], axis=1)


def whatever(artifact, columns):
    """The artifact says what goes wrong."""
    n = len(columns["size"])
    if artifact == "die":
        print("last words", file=sys.stderr)
        sys.stderr.flush()
        os._exit(3)
    if artifact == "raise":
        raise ValueError("no such model")
    if artifact.startswith("hang"):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"],
                                 stdin=subprocess.PIPE)  # fmt: skip
        with open(artifact.partition(" ")[2], "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        threading.Event().wait()
    if artifact == "chatty":
        print("x" * 1_000_000)
        print("y" * 1_000_000, file=sys.stderr)
    answers = {
        "few": ["ham"] * (n - 1), "many": ["ham"] * (n + 1), "nan": [float("nan")] * n,
        "none": [None] * n, "numbers": [1.0] * n, "no list": 7, "objects": [{}] * n,
        "text": "ham", "odd": [object()] * n, "chatty": ["ham"] * n,
        "scores": {"labels": ["ham"] * n, "scores": [float("inf")] * n},
        "few scores": {"labels": ["ham"] * n, "scores": [0.5] * (n + 1)},
    }  # fmt: skip
    return answers[artifact]
