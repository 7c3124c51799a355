"""Each of the 128 hostile inputs has a test that bears its number.

A number is borne by the name of a test, `test_72_73_74_the_same_id`, by the id of a case,
`"91 gzip bomb"`, or by a case of a table, `Case(3, "1e400")` or `(57, "empty", ...)`.
"""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
TABLES = ("hostile.py", "test_identity.py", "test_arrow.py")  # tuples that begin with a number
ELSEWHERE = {
    79: "upkeep/test_retention.py::test_a_forgotten_record_is_new_again_and_its_label_waits"
}
"""Tests whose names say it in other words."""


def numbers_of(path):
    """The numbers that the tests of a file bear."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            found |= named(re.match(r"test_((?:\d+_)+)", node.name), "_")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= named(re.match(r"((?:\d{1,3} )+)[A-Za-z0-9']", node.value), " ")
        elif isinstance(node, ast.Call | ast.Tuple) and path.name in TABLES:
            found |= numbered(node.args if isinstance(node, ast.Call) else node.elts)
    return found


def named(match, between):
    return set(map(int, match[1].strip(between).split(between))) if match else set()


def numbered(told):
    """What a case says: a number, and a name."""
    if len(told) < 3 or not all(isinstance(each, ast.Constant) for each in told[:2]):
        return set()
    number, name = told[0].value, told[1].value
    return {number} if type(number) is int and isinstance(name, str) else set()


def test_every_number_is_borne():
    found = set().union(*map(numbers_of, HERE.glob("*.py")))
    assert set(range(1, 129)) - found == set(ELSEWHERE)


def test_what_is_said_to_be_elsewhere_is_there():
    for place in ELSEWHERE.values():
        path, _, name = place.partition("::")
        assert f"def {name}(" in (HERE.parent / path).read_text()


def test_a_number_that_nobody_bears_is_missed(tmp_path):
    file = tmp_path / "test_identity.py"
    file.write_text(
        'def test_72_73_it(): pass\nWAYS = ["91 bomb", "19 35 constant"]\n(57, "x", 1)\n'
    )
    assert numbers_of(file) == {72, 73, 91, 19, 35, 57}
