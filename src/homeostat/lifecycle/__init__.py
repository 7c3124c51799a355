"""The life of a model's versions: orders for training, what came of them, who serves, who scores.

Plain data and protocols. What trains is in `trainers`, what predicts for a comparison in `scorers`,
where versions are registered in `registries`; `runtime` keeps the order of things.
"""

from homeostat.lifecycle.orders import Order, Progress, Trained, Trainer
from homeostat.lifecycle.scoring import Predictions, Scorer
from homeostat.lifecycle.versions import CHALLENGER, CHAMPION, Registry, Version

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Order",
    "Predictions",
    "Progress",
    "Registry",
    "Scorer",
    "Trained",
    "Trainer",
    "Version",
]
