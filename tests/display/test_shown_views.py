"""Every result as HTML and as a figure: no script, hostile names as text, Plotly when asked for."""

import re
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

import homeostat as hs
from homeostat import multivariate
from homeostat.backtest.comparing import trained
from homeostat.backtest.contestants import contestants
from homeostat.backtest.settings import parse
from homeostat.errors import MissingExtra
from homeostat.estimate import CBPE
from homeostat.estimate import mean as mean_of

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "br", "hr", "col"}


class Nested(HTMLParser):
    """Knows whether what was opened was closed, and every element and attribute."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.attributes = [], set(), set()
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.names.add(name)
        self.attributes |= {key for key, _ in attributes}
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name


def sound(page):
    found = Nested(page)
    assert found.open == []
    assert not found.names & {"script", "iframe", "img", "link", "object", "a", "form"}
    assert not [name for name in found.attributes if name.startswith("on")]
    assert not re.search(r"(src|href)=|url\(|@import", page)
    assert page.encode()
    return page


def data(seed, n=600, shift=0.0):
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40 + shift, 10, n),
        HOSTILE: rng.choice(["a", HOSTILE], n),
        "old": rng.random(n) < 0.3 + shift / 20,
        "when": np.datetime64("2026-01-01") + rng.integers(0, 1000, n).astype("timedelta64[m]"),
        "empty": np.full(n, np.nan),
    }


def lending(seed, n=1500, turned=False):
    rng = np.random.default_rng(seed)
    job = rng.choice(["a", "b", HOSTILE], n)
    truth = rng.random(n) < 0.5
    wrong = rng.random(n) < np.where((job == HOSTILE) & turned, 0.6, 0.1)
    return {"job": job, "debt": rng.normal(5, 2, n), "predicted_label": truth ^ wrong,
            "ground_truth_label": truth}  # fmt: skip


def comparison():
    return hs.compare(data(0), data(1, shift=8.0) | {"new": np.ones(600)})


def reference():
    return hs.Reference.fit(data(0))


def counted():
    found = reference()
    return hs.compare(found, found.profile(data(1, shift=8.0)))


def monitor():
    return hs.ModelMonitor(detectors=[hs.ADWIN(on="error")], strategy=hs.DriftStrategy())


def events():
    wrong = np.random.default_rng(0).random(3000) < np.repeat([0.05, 0.5], 1500)
    return monitor().observe_batch(hs.Batch.from_columns(
        model_version=HOSTILE, predicted_label="a", ground_truth_label=np.where(wrong, "b", "a"),
        latency_ms=5, created_at=np.datetime64("2026-01-01") + np.arange(3000).astype("m8[s]"),
    ))  # fmt: skip


def decision():
    rng = np.random.default_rng(0)
    losses = (rng.random(2000) < 0.3).astype(float), (rng.random(2000) < 0.2).astype(float)
    return hs.decide(*losses, segments=rng.choice(["x", HOSTILE], 2000))


def undecided():
    return hs.decide([], [])


def fairness():
    rng = np.random.default_rng(0)
    group = rng.choice(["a", HOSTILE, "few"], 2000, p=[0.6, 0.395, 0.005])
    picked = rng.random(2000) < np.where(group == "a", 0.2, 0.5)
    columns = {"group": group, "predicted_label": picked, "ground_truth_label": picked}
    return hs.fairness(columns, by="group", positive=True)


def diagnosis():
    return hs.diagnose(lending(0), lending(1, turned=True))


def no_cause():
    return hs.diagnose(lending(0), lending(0))


def estimates():
    rng = np.random.default_rng(0)
    scores = rng.random(4000)
    table = {"score": scores, "said": scores > 0.5, "truth": rng.random(4000) < scores}
    before, after = ({k: v[part] for k, v in table.items()} for part in _HALVES)
    fitted = CBPE(y_true="truth", y_pred="said", y_score="score", chunk_size=500,
                  metrics=["accuracy", "f1"])  # fmt: skip
    return fitted.fit(before).estimate(after)


_HALVES = slice(0, 2000), slice(2000, None)


def mean():
    rng = np.random.default_rng(0)
    return mean_of(rng.random(90), rng.random(90), rng.random(900))


def together():
    return multivariate.test(data(0), data(1, shift=9.0))


def history():
    rng = np.random.default_rng(0)
    n = 6000
    x = rng.random(n)
    truth = np.where((x > 0.5) ^ (np.arange(n) >= n // 2), "b", "a")
    return hs.Batch.from_columns(
        model_version="v1", predicted_label="a", ground_truth_label=truth, latency_ms=1,
        created_at=np.datetime64("2026-01-01") + np.arange(n).astype("m8[m]"), features={"x": x},
    )  # fmt: skip


class Stump:
    """Learns which side of a half is which."""

    def __init__(self, batch):
        x, truth = batch.features["x"], batch.ground_truth_label
        self.above = "b" if np.mean(truth[x > 0.5] == "b") > 0.5 else "a"

    def predict(self, columns):
        other = {"a": "b", "b": "a"}[self.above]
        return np.where(columns["x"] > 0.5, self.above, other)


def backtest():
    plan = parse('[strategy]\ntype = "threshold"\nthreshold = 0.7\n')
    return trained(plan, contestants(plan, ["never", "default"]), history(), Stump)


VIEWS = [comparison, counted, reference, monitor, events, decision, undecided, fairness, diagnosis,
         no_cause, estimates, mean, together, backtest]  # fmt: skip
PLOTS = [comparison, counted, reference, events, decision, undecided, fairness, diagnosis, no_cause,
         estimates, backtest]  # fmt: skip
HELD = [comparison, counted, reference, decision, fairness, diagnosis]


@pytest.mark.parametrize("make", VIEWS, ids=lambda make: make.__name__)
def test_a_view_is_sound_and_says_nothing_that_a_browser_would_run(make):
    page = sound(make()._repr_html_())
    assert page.startswith("<style>")
    assert 'class="hs"' in page
    assert len(page) < 100_000
    assert "nan" not in re.sub(r"<[^>]*>", "", page.replace("finance", ""))


@pytest.mark.parametrize("make", HELD, ids=lambda make: make.__name__)
def test_hostile_names_are_shown_as_text(make):
    page = make()._repr_html_()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("make", PLOTS, ids=lambda make: make.__name__)
def test_a_figure_of_plotly(make):
    import plotly.graph_objects as go

    figure = make().plot()
    assert isinstance(figure, go.Figure)
    assert HOSTILE not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


def test_figures_hold_what_they_are_of():
    found = comparison().plot(["age"])
    assert [trace.name for trace in found.data] == ["then", "now"]
    assert sum(found.data[0].y) == pytest.approx(1)
    front = backtest().plot()
    assert {"never", "default"} <= {trace.name for trace in front.data}
    marked = events().plot()
    assert len(marked.layout.shapes) >= 2  # a drift and a request


@pytest.mark.parametrize("make", PLOTS, ids=lambda make: make.__name__)
def test_without_plotly_the_error_names_the_extra_and_views_go_on(make, monkeypatch):
    result = make()
    for name in ("plotly", "plotly.graph_objects", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r'pip install "homeostat\[plot\]"'):
        result.plot()
    assert result._repr_html_()


def _mean(shape):
    edges = np.array(shape.edges)
    return float(np.sum((edges[1:] + edges[:-1]) / 2 * shape.reference))


def test_shapes_are_shares_of_both_sides_however_they_were_counted():
    raw, grid = comparison(), counted()
    for name in ("age", HOSTILE, "old"):
        a, b = raw[name].shape, grid[name].shape
        for side in ("reference", "current"):
            assert sum(getattr(a, side)) == pytest.approx(1)
            assert sum(getattr(b, side)) == pytest.approx(1)
    means = [_mean(found["age"].shape) for found in (raw, grid)]
    assert means[0] == pytest.approx(data(0)["age"].mean(), abs=1.0)
    assert means[1] == pytest.approx(means[0], abs=0.5)
    assert dict(zip(raw["old"].shape.names, raw["old"].shape.reference, strict=True)) == (
        pytest.approx(dict(zip(grid["old"].shape.names, grid["old"].shape.reference, strict=True)))
    )
    assert raw["empty"].shape is None


@pytest.mark.parametrize(
    "values",
    [[1.0], [np.inf, 1.0, 2.0], [-np.inf] * 3, [1e308, -1e308], [5.0] * 40, list(range(40)),
     [2**63 - 1, 2**63 - 2]],
    ids=["one", "infinite", "all infinite", "wide", "constant", "whole", "large"],
)  # fmt: skip
def test_shapes_of_odd_columns(values):
    column = {"x": np.array(values)}
    fitted = hs.Reference.fit(column)
    for found in (hs.compare(column, column, columns=["x"]), hs.compare(fitted, column)):
        sound(found._repr_html_())
        shape = found["x"].shape
        assert shape is None or sum(shape.reference) == pytest.approx(1)
    sound(fitted._repr_html_())


def test_a_monitor_tells_which_part_failed():
    class Broken:
        name = HOSTILE

        def on_record(self, record):
            raise RuntimeError(HOSTILE)

        def __repr__(self):
            raise ValueError("no")

    watched = hs.ModelMonitor(metrics=[Broken()])
    watched.observe(hs.InferenceRecord(
        model_version="v", predicted_label="a", latency_ms=1.0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    ))  # fmt: skip
    page = sound(watched._repr_html_())
    assert "1 part failed" in page
    assert HOSTILE not in page
