"""The laws of scorers: tried on a version that can predict and records to predict from.

@pytest.mark.parametrize("law", scorer_laws(MyScorer(...), version, batch), ids=str)
def test_laws(law):
    law()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from homeostat.batch import Batch
from homeostat.lifecycle.scoring import Predictions, Scorer
from homeostat.lifecycle.versions import Version
from homeostat.testing.compare import difference
from homeostat.testing.outcome import Breach, Law, Skip
from homeostat.testing.streams import cuttings


class Trial(NamedTuple):
    """What a law is tried on."""

    scorer: Scorer
    version: Version
    batch: Batch

    def said(self, batch: Batch) -> list[tuple[Any, Any]]:
        """The label and the score of each record; a breach when they are not one each."""
        found = self.scorer.predict(self.version, batch)
        if not isinstance(found, Predictions):
            raise Breach(f"predict answered {found!r:.100}", "Answer homeostat's Predictions")
        scores = [None] * len(batch) if found.scores is None else list(found.scores)
        for name, values in (("labels", found.labels), ("scores", scores)):
            if len(values) != len(batch):
                raise Breach(
                    f"{len(values)} {name} for {len(batch)} records",
                    "Answer one a record, in order",
                )
        return list(zip(found.labels, scores, strict=True))


def shape(trial: Trial) -> None:
    """It has a name, and answers a label for each record: None where it cannot, not for all."""
    if not isinstance(trial.scorer, Scorer) or not isinstance(trial.scorer.name, str):
        raise Breach("it has no name, or no predict", "Define both: see lifecycle.Scorer")
    said = trial.said(trial.batch)
    if all(label is None for label, _ in said):
        raise Breach("it answered None for every record", "Answer a label where you can")
    for row, (label, _) in enumerate(said):
        if label is None:
            continue
        if not isinstance(label, str | bool | int | float) or label != label:
            raise Breach(f"row {row}: its label is {label!r}", "Answer text, a number, or a bool")


def any_cutting(trial: Trial) -> None:
    """The same records get the same predictions, however they are cut."""
    whole = trial.said(trial.batch)
    for sizes in cuttings(len(trial.batch)):
        start, said = 0, []
        for size in sizes:
            if size:
                said += trial.said(trial.batch[start : start + size])
            start += size
        _same(said, whole, f"cut into {len(list(sizes))}", "Let no record look at its neighbours")


def any_order(trial: Trial) -> None:
    """A record gets the same prediction wherever it stands."""
    whole = trial.said(trial.batch)
    back = trial.said(trial.batch[::-1])
    _same(back[::-1], whole, "the other way round", "Answer in the order of the records")


def repeated(trial: Trial) -> None:
    """Asked again, it says the same."""
    _same(trial.said(trial.batch), trial.said(trial.batch), "asked again", "Predict with a seed")


def truth_unseen(trial: Trial) -> None:
    """Labels make no difference."""
    known = trial.batch.predicted_label.tolist()
    for truth in (known, [None] * len(known)):
        said = trial.said(trial.batch.with_truth(truth))
        _same(said, trial.said(trial.batch), "with other labels", "Use features alone")


def records_unchanged(trial: Trial) -> None:
    """The records stay as they are."""
    before = [record.to_json() for record in trial.batch]
    trial.said(trial.batch)
    _same([record.to_json() for record in trial.batch], before, "afterwards", "Copy columns first")


_LAWS: tuple[Callable[[Trial], None], ...] = (
    shape, any_cutting, any_order, repeated, truth_unseen, records_unchanged,
)  # fmt: skip


def scorer_laws(scorer: Scorer, version: Version, batch: Batch) -> Iterator[Law]:
    """The laws of a scorer, each of which can be called."""
    trial = Trial(scorer, version, batch)
    for law in _LAWS:
        name = law.__name__.replace("_", " ")
        yield Law(name, (law.__doc__ or "").strip(), partial(_tried, law, trial))


def _tried(law: Callable[[Trial], None], trial: Trial) -> None:
    if len(trial.batch) < 2:
        raise Skip("there are fewer than two records to try it on")
    law(trial)


def _same(found: Any, wanted: Any, where: str, mend: str) -> None:
    told = difference(found, wanted)
    if told is not None:
        raise Breach(f"{where}: {told}", mend)
