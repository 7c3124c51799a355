"""Runs the cells of a notebook, and stores what they show: python docs/notebooks/run.py [NAME]."""

import ast
import contextlib
import hashlib
import io
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def executed(notebook):
    """The notebook with the outputs of each of its code cells, as Jupyter would store them."""
    namespace = {"__name__": "__notebook__"}
    cells = []
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code":
            outputs = outputs_of("".join(cell["source"]), namespace, number)
            cell = {**cell, "execution_count": number, "outputs": outputs}
        cells.append(cell)
    return {**notebook, "cells": cells}


def outputs_of(source, namespace, number):
    """What a cell prints, and what its last line is."""
    tree = ast.parse(source)
    last = tree.body.pop().value if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, f"cell {number}", "exec"), namespace)
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last), f"cell {number}", "eval"), namespace)
    text = printed.getvalue()
    outputs = [{"name": "stdout", "output_type": "stream", "text": lines(text)}] if text else []
    if value is not None:
        shown = {"text/plain": lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            shown["text/html"] = lines(value._repr_html_())
        outputs.append({"data": shown, "execution_count": number, "metadata": {},
                        "output_type": "execute_result"})  # fmt: skip
    return outputs


def lines(text):
    """A text as notebooks keep it."""
    return text.splitlines(keepends=True)


def notebook_of(text):
    """A notebook of a Python file: `# %%` begins a cell of code, `# %% [markdown]` one of words."""
    cells = []
    for part in text.split("\n# %%")[1:]:
        head, _, body = part.partition("\n")
        words = head.strip() == "[markdown]"
        if words:
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines())
        source = lines(body.strip("\n"))
        made = {"cell_type": "markdown" if words else "code", "metadata": {}, "source": source,
                "id": hashlib.sha256(f"{len(cells)}{body}".encode()).hexdigest()[:8]}  # fmt: skip
        cells.append(made if words else {**made, "execution_count": None, "outputs": []})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


if __name__ == "__main__":
    for path in sorted(HERE.glob("*.nb.py")):
        target = path.with_name(path.name.replace(".nb.py", ".ipynb"))
        made = executed(notebook_of(path.read_text(encoding="utf-8")))
        target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{target.name}: {len(made['cells'])} cells", file=sys.stderr)
