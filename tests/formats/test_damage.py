"""Whatever becomes of a row, it is taken, set aside or passed over: never lost, never the end."""

import json
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from homeostat.errors import InvalidInput
from homeostat.sources import Options, open_source

FIXTURES = Path(__file__).parent / "fixtures"
LINES = sorted(
    path for path in FIXTURES.glob("*.jsonl") if not path.name.endswith(".records.jsonl")
)
JUNK = [
    None, True, 0, -1, 0.5, 10**30, "", "x", "{", "null", "2026-01-01", [], [None], [[]], [1, [2]],
    {}, {"a": None}, {"shape": [-1, -1], "data": [1]}, {"columns": 5, "data": []},
]  # fmt: skip
TRIES = 100


class Unmapped(Exception):
    """No column is like the one that a field needs: the mapping has to be stated."""


def damaged(value, chance):
    """The value with junk somewhere in it, also within JSON that is text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.dumps(damaged(json.loads(value), chance))
    if not (isinstance(value, dict | list) and value) or chance.random() < 0.15:
        return chance.choice(JUNK)
    place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
    found = value.copy()
    if chance.random() < 0.1 and not isinstance(value[place], dict | list):
        del found[place]  # while an array that is not there is an empty one, as OTLP has it
    else:
        found[place] = damaged(value[place], chance)
    return found


def taken(path, **options):
    """How many rows were taken, how many were set aside, and what was recognised."""
    with open_source(path, None, Options(**options)) as source:
        try:
            chunks = list(source)
        except InvalidInput as error:
            if "comes from no column" in str(error):
                raise Unmapped from error
            raise
        [told] = source.recogniser.told()
    rows = sum(len(chunk.batch) + len(chunk.labels) for chunk in chunks)
    return rows, sum(len(chunk.rejects) for chunk in chunks), told


@pytest.mark.parametrize("path", LINES, ids=lambda path: path.stem)
def test_a_damaged_row_is_told_and_the_others_are_taken(path, tmp_path):
    chance, lines = Random(path.stem), path.read_text().splitlines()
    whole, _, known = taken(path)
    # A span that is no prediction goes with its document, which is passed over in its place.
    others = 0 if known["name"] == "opentelemetry" else known["passed_over"]
    log = tmp_path / "log.jsonl"
    for _ in range(TRIES):
        row = chance.randrange(len(lines))
        bad = json.dumps(damaged(json.loads(lines[row]), chance))
        log.write_text("\n".join([*lines[:row], bad, *lines[row + 1 :]]))
        with suppress(Unmapped):
            rows, aside, told = taken(log, traffic=known["name"])
            assert rows >= whole or aside or told["passed_over"] > others, bad
