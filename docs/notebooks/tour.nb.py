"""The source of tour.ipynb, which `python docs/notebooks/run.py` makes."""

# %% [markdown]
# # homeostat in a notebook
#
# Every result shows itself, in light and dark, without a script; `.plot()` gives a Plotly figure
# (`pip install "homeostat[plot]"`).

# %%
import numpy as np

import homeostat as hs

rng = np.random.default_rng(0)


def applications(n, moved=False):
    """Applications for a loan: with `moved`, from another mix of towns, with higher incomes."""
    shares = [0.25, 0.3, 0.45] if moved else [0.5, 0.3, 0.2]
    return {
        "age": rng.normal(41, 12, n),
        "income": rng.lognormal(10.3 + 0.15 * moved, 0.5, n),
        "town": rng.choice(["Oslo", "Bergen", "Tromsø"], n, p=shares),
        "owner": rng.random(n) < 0.4,
    }


# %% [markdown]
# ## Two tables side by side
#
# Grey is then, the line is now. A column is called drifted after correction for all columns.

# %%
training = applications(5000)
hs.compare(training, applications(2000, moved=True))

# %% [markdown]
# ## A reference: what data looked like when all was well
#
# Counts on a fixed grid, a small file without rows. Later windows are counted on the same grid.

# %%
reference = hs.Reference.fit(training)
reference

# %%
today = reference.profile(applications(800))
hs.compare(reference, today).drift

# %% [markdown]
# ## A monitor
#
# It measures a stream and asks for a retraining when that is due. The model gets worse half way.

# %%
monitor = hs.ModelMonitor(
    metrics=[hs.AccuracyMetric(500), hs.LatencyMetric(0.3)],
    detectors=[hs.ADWIN(on="error")],
    strategy=hs.DriftStrategy().cooldown("6h"),
)
n = 12_000
wrong = rng.random(n) < np.where(np.arange(n) < n // 2, 0.06, 0.24)
events = monitor.observe_batch(
    hs.Batch.from_columns(
        model_version="v1",
        predicted_label="repaid",
        ground_truth_label=np.where(wrong, "defaulted", "repaid"),
        latency_ms=rng.gamma(4, 5, n),
        created_at=np.datetime64("2026-01-01") + np.arange(n) * np.timedelta64(60, "s"),
    )
)
events

# %%
monitor

# %% [markdown]
# ## Champion or challenger
#
# From the losses of both on the same records; it may be asked after every one of them.

# %%
champion = (rng.random(3000) < 0.24).astype(float)
challenger = (rng.random(3000) < 0.15).astype(float)
towns = rng.choice(["Oslo", "Bergen", "Tromsø"], 3000)
hs.decide(champion, challenger, segments=towns, segment_margin=0.1)

# %% [markdown]
# ## Why
#
# In one town the relation between inputs and outcomes has turned.


# %%
def decided(n, turned=False):
    table = applications(n)
    truth = rng.random(n) < 0.5
    wrong = rng.random(n) < np.where((table["town"] == "Tromsø") & turned, 0.55, 0.08)
    return table | {"predicted_label": truth ^ wrong, "ground_truth_label": truth}


hs.diagnose(decided(4000), decided(2500, turned=True))

# %% [markdown]
# ## A backtest
#
# Strategies over the same history, each with a model of its own that is retrained for real.

# %%
from homeostat.backtest.comparing import trained
from homeostat.backtest.contestants import contestants
from homeostat.backtest.settings import parse


class Stump:
    """A model that learns on which side of a half the answer is yes."""

    def __init__(self, batch):
        above = batch.features["x"] > 0.5
        self.yes_above = np.mean(batch.ground_truth_label[above] == "yes") > 0.5

    def predict(self, columns):
        return np.where((columns["x"] > 0.5) == self.yes_above, "yes", "no")


n = 9000
x = rng.random(n)
side = (x > 0.5) ^ (np.arange(n) // 3000 == 1)  # the second third is the other way round
truth = np.where(side ^ (rng.random(n) < 0.05), "yes", "no")
history = hs.Batch.from_columns(
    model_version="v1",
    predicted_label="yes",
    ground_truth_label=truth,
    latency_ms=1,
    created_at=np.datetime64("2026-01-01") + np.arange(n) * np.timedelta64(60, "s"),
    features={"x": x},
)
plan = parse('[strategy]\ntype = "threshold"\nthreshold = 0.8\nhold = 50\ncooldown = "6h"\n')
trained(plan, contestants(plan, ["never", "default", "every:24h"]), history, Stump)
