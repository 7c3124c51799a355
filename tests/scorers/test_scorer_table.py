"""Scorers and registries by name: files, tables and documentation are the same set."""

from itertools import count
from pathlib import Path

import pytest
from scorerworld import batch, version

from homeostat import registries, scorers
from homeostat.errors import ConfigError
from homeostat.lifecycle import Predictions
from homeostat.makers import Makers
from homeostat.testing import registry_laws, scorer_laws

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("package", "makers", "mark"),
    [
        ("scorers", scorers.SCORERS, "-> Worked:"),
        ("registries", registries.REGISTRIES, "def pointed(self, model"),
    ],
    ids=["scorers", "registries"],
)
def test_files_table_and_documentation_are_the_same_set(package, makers, mark):
    folder = ROOT / "src" / "homeostat" / package
    marks = (mark, "def predict(self, version: Version, batch: Batch)")
    files = {
        path.stem
        for path in folder.glob("*.py")
        if any(each in path.read_text() for each in marks)
    } - {"questions"}  # fmt: skip
    page = (ROOT / "docs" / f"{package}.md").read_text()
    assert files == set(makers.table)
    assert all(f"| `{name}` |" in page for name in makers.table)
    for name in makers.table:
        assert callable(makers.maker(name))


def test_every_setting_is_documented():
    import inspect

    for package, makers in (("scorers", scorers.SCORERS), ("registries", registries.REGISTRIES)):
        page = (ROOT / "docs" / f"{package}.md").read_text()
        for name in makers.table:
            for setting in inspect.signature(makers.maker(name)).parameters:
                assert f"`{setting}`" in page, (name, setting)


def test_every_law_is_documented():
    page = (ROOT / "docs" / "conformance.md").read_text()
    nothing = batch().take([])
    laws = [*scorer_laws(None, None, nothing), *registry_laws(None)]
    assert len(laws) == 10
    for law in laws:
        assert f"| {law.name} | {law.sentence} |" in page


def a_scorer(predict):
    class Made:
        name = "made"

        def predict(self, version, batch):
            return predict(batch.features["size"].tolist(), batch)

    return Made()


NEXT = count()
BROKEN = {
    "one a record": (lambda sizes, _: sizes[1:], {"shape"}),
    "neighbours": (lambda sizes, _: [min(sizes)] * len(sizes), {"any cutting"}),
    "sorted": (lambda sizes, _: sorted(sizes), {"any cutting", "any order"}),
    "looks at truth": (lambda sizes, batch: batch.ground_truth_label.tolist(),
                       {"shape", "truth unseen"}),
    "chance": (lambda sizes, _: [next(NEXT) for _ in sizes],
               {"repeated", "any cutting", "any order"}),
}  # fmt: skip


@pytest.mark.parametrize(("predict", "laws"), BROKEN.values(), ids=BROKEN.keys())
def test_a_scorer_that_breaks_a_law_is_caught(predict, laws):
    made = a_scorer(lambda sizes, batch: Predictions(labels=predict(sizes, batch)))
    broken = {
        law.name for law in scorer_laws(made, version(), batch()) if not law.result().ok
    }  # fmt: skip
    assert laws <= broken


def test_a_registry_that_breaks_a_law_is_caught():
    class Forgets:
        name = "forgets"

        def __init__(self):
            self.kept = {}

        def register(self, version):
            self.kept[version.model, "champion"] = version.version  # it names whatever comes

        def point(self, model, alias, version):
            self.kept[model, alias] = version

        def pointed(self, model, alias):
            return self.kept.get((model, alias))

    broken = [law.name for law in registry_laws(Forgets()) if not law.result().ok]
    assert broken == ["register is idempotent", "aliases are apart"]


class Mine:
    def __init__(self, size: int, words: tuple[str, ...] = ()) -> None:
        if size < 0:
            raise ConfigError("size: must be at least 0")
        self.size, self.words = size, words


MAKERS = Makers("thing", "homeostat.things", {"mine": f"{__name__}:Mine"})

WRONG = [
    ("no type", {}, r'^x\.type: is missing; write type = "mine", or another'),
    ("another", {"type": "mime"}, r"^x\.type: 'mime' is no thing; .*'mine'"),
    ("no module", {"type": "nowhere_at_all:X"}, r"^x\.type: cannot load 'nowhere_at_all:X'"),
    ("missing", {"type": "mine"}, r"^x\.size: is missing"),
    ("unknown", {"type": "mine", "sise": 1}, r"^x\.sise: no such setting; .*'size'"),
    ("around", {"type": "mine", "nam": 1}, r"^x\.nam: no such setting; .*'name'"),
    ("kind", {"type": "mine", "size": "1"}, r"^x\.size: Expected `int`"),
    ("refused", {"type": "mine", "size": -1}, r"^x\.size: must be at least 0"),
]


@pytest.mark.parametrize(("table", "message"), [row[1:] for row in WRONG],
                         ids=[row[0] for row in WRONG])  # fmt: skip
def test_a_table_that_does_not_say_what_it_means(table, message):
    with pytest.raises(ConfigError, match=message):
        MAKERS.made(table, "x", around=("name",))


def test_a_table_that_does():
    assert MAKERS.made({"type": "mine", "size": 3}, "x").size == 3
