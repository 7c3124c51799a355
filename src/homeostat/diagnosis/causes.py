"""From the families' p-values to the causes that hold, and to whether retraining helps."""

from __future__ import annotations

from collections.abc import Sequence
from math import e, isnan, log, nan
from typing import NamedTuple

from homeostat.comparison import adjusted
from homeostat.diagnosis.breaks import Break
from homeostat.diagnosis.families import Family
from homeostat.diagnosis.relation import Relation

CLASSES = ("data break", "concept drift", "label drift", "covariate drift", "serving latency")
"""In the order in which causes that hold are told: what must be mended first comes first."""

_TAUGHT = {"concept drift", "label drift", "covariate drift"}  # what retraining might help with


class Cause(NamedTuple):
    """One class of causes: whether it holds, and why.

    `p_value` is corrected within the class and for the number of classes (Holm), NaN where there
    was no answer; `needed` then says how many rows or labels it takes. `strength`, 0 to 1, is
    1 + e p log p for p below 1/e, the evidence against chance (Sellke, Bayarri and Berger 2001).
    """

    name: str
    found: bool
    strength: float
    p_value: float
    reason: str
    needed: int | None = None


class Evidence(NamedTuple):
    """What was measured, by class; `within` are features among rows of the same label.

    `suspected` are sentences on units that features may be in, which decide nothing.
    """

    breaks: list[Break]
    covariates: Family
    labels: Family
    within: Family
    relation: Relation
    latency: Family
    suspected: Sequence[str] = ()


def causes_of(evidence: Evidence, alpha: float) -> list[Cause]:
    """All classes: those that hold first."""
    broken, relation = evidence.breaks, evidence.relation
    raw = {
        "data break": min((each.p_value for each in broken), default=1.0),
        "concept drift": relation.p_value,
        "label drift": evidence.labels.p_value,
        "covariate drift": evidence.covariates.p_value,
        "serving latency": evidence.latency.p_value,
    }
    p = dict(zip(raw, adjusted(list(raw.values())).tolist(), strict=True))
    holds = {name: p[name] <= alpha for name in CLASSES}
    if relation.unseen and not holds["concept drift"]:
        p["concept drift"] = nan
    reasons = _reasons(evidence, holds)
    _explain(evidence, holds, reasons, alpha)
    needs: dict[str, Family | Relation] = {
        "concept drift": relation,
        "label drift": evidence.labels,
        "covariate drift": evidence.covariates,
        "serving latency": evidence.latency,
    }
    out = []
    for name in CLASSES:
        needed = needs[name].needed if name in needs and isnan(p[name]) else None
        strength = nan if isnan(p[name]) else _strength(p[name]) * float(holds[name])
        out.append(Cause(name, holds[name], strength, p[name], reasons[name], needed))
    return sorted(out, key=lambda cause: not cause.found)


def _strength(p: float) -> float:
    return 1.0 if p == 0 else max(0.0, 1 + e * p * log(p)) if p < 1 / e else 0.0


def _reasons(evidence: Evidence, holds: dict[str, bool]) -> dict[str, str]:
    chance = "no more than chance gives"
    suspected = evidence.suspected[:5]
    relation = evidence.relation.unseen or chance
    if holds["concept drift"]:
        relation = "; ".join([evidence.relation.text, *suspected])
    moved = "; ".join([evidence.covariates.text, *suspected])
    features = moved if holds["covariate drift"] else chance
    broken = [f"{each.column} {each.text}" for each in evidence.breaks]
    return {
        "data break": "; ".join(broken[:5]) or "no column is broken",
        "concept drift": evidence.relation.note or relation,
        "label drift": evidence.labels.note or evidence.labels.text,
        "covariate drift": evidence.covariates.note or features,
        "serving latency": evidence.latency.note or evidence.latency.text,
    }


def _explain(
    evidence: Evidence, holds: dict[str, bool], reasons: dict[str, str], alpha: float
) -> None:
    """Label drift moves features and the relation, too, and covariate drift moves labels.

    Label drift is what is left where labels changed, rows of the same label did not, and the
    change of the features does not explain that of the labels.
    """
    if not holds["label drift"]:
        return
    others = [name for name in ("covariate drift", "concept drift") if holds[name]]
    if evidence.within.p_value > alpha and others != ["covariate drift"]:
        for name in others:
            holds[name] = False
            reasons[name] = f"follows from the label drift: {reasons[name]}"
        reasons["label drift"] += "; rows of the same label are as before"
    elif others:
        holds["label drift"] = False
        reasons["label drift"] += f"; it goes with the {' and '.join(others)}"


class Advice(NamedTuple):
    """Whether to retrain, in a few words, and why, in a sentence."""

    retrain: str
    reason: str


def advice_of(causes: list[Cause], low: float, high: float, labels: int) -> Advice:
    """What the causes that hold say of retraining; errors rose by `low` to `high`, NaN: unknown."""
    found = {cause.name: cause.reason for cause in causes if cause.found}
    silent = {cause.name: cause.reason for cause in causes if isnan(cause.p_value)}
    if "data break" in found:
        why = "a model trained on broken data learns the break"
        return Advice("no: mend the data first", f"{why}: {found['data break']}.")
    if high < 0 and _TAUGHT & {*found, *silent}:
        told = "; ".join(f"{name}: {why}" for name, why in found.items()) or "nothing is broken"
        return Advice("no: the model errs less than before", f"{told}.")
    if "concept drift" in found:
        why = "rows alike have other labels or errors than before, which only new labels teach"
        return Advice("yes: the relation has changed", f"{why}: {found['concept drift']}.")
    if "label drift" in found:
        why = "only the shares of the labels moved, which a new threshold or calibration may meet"
        return Advice(
            "perhaps: the shares of labels have changed", f"{why}: {found['label drift']}."
        )
    if "covariate drift" in found:
        return _of_drift(found["covariate drift"], low > 0, labels)
    if "serving latency" in found:
        why = "the answers are what they were, only later"
        return Advice("no: it is serving latency", f"{why}: {found['serving latency']}.")
    return _of_nothing(silent)


def _of_nothing(silent: dict[str, str]) -> Advice:
    """What to say where no cause holds; `silent` are those that cannot be told."""
    untold = "; ".join(f"{name}: {why}" for name, why in silent.items())
    if "covariate drift" in silent:
        return Advice("not known: too little data", f"{untold}.")
    if "concept drift" in silent:
        return Advice(
            "not known: the data have not changed, the relation cannot be told", f"{untold}."
        )
    return Advice("no: nothing changed", "no test found more than chance gives.")


def _of_drift(reason: str, worse: bool, labels: int) -> Advice:
    if not labels:
        why = "without labels of current rows nobody knows whether the model is worse there"
        return Advice("perhaps: label some current rows first", f"{why}: {reason}.")
    if worse:
        why = f"the model is worse on rows such as come now, and {labels:,} of them have labels"
        return Advice(
            "perhaps: the rows are others, and the model is worse there", f"{why}: {reason}."
        )
    why = "other rows come, on which the model is no worse"
    return Advice("no: the model is no worse on the rows that come now", f"{why}: {reason}.")
