"""homeostat keeps a machine-learning model healthy in production."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from homeostat import drift
from homeostat.batch import Batch
from homeostat.bus import EventBus, Subscription
from homeostat.channel import Receiver, Sender, channel
from homeostat.drift.adwin import ADWIN
from homeostat.drift.page_hinkley import PageHinkley
from homeostat.engine import Engine
from homeostat.errors import (
    Closed,
    ConfigError,
    Full,
    HomeostatError,
    InvalidInput,
    InvalidSetting,
    Lagged,
    MissingExtra,
    SnapshotMismatch,
)
from homeostat.event_batch import EventBatch
from homeostat.events import (
    ChallengerReady,
    ChallengerRegistered,
    ChallengerRejected,
    ChallengerUndecided,
    DecisionEvent,
    DriftDetected,
    DriftEnded,
    DriftEvent,
    EpisodeEvent,
    FailureEvent,
    JobEvent,
    LeaderChanged,
    LeaderEvent,
    MetricEvent,
    MetricUpdated,
    ModelPromoted,
    ModelRolledBack,
    PluginFailed,
    RetrainEvent,
    RetrainFailed,
    RetrainQueued,
    RetrainRequested,
    RetrainStarted,
    RetrainSucceeded,
    RetrainSuppressed,
    SuppressedEvent,
    SystemEvent,
    WatchEnded,
)
from homeostat.metrics.accuracy import AccuracyMetric
from homeostat.metrics.latency import LatencyMetric
from homeostat.monitor import ModelMonitor, ModelMonitorBuilder
from homeostat.protocols import Detector, Metric, Series
from homeostat.record import InferenceRecord
from homeostat.state import Stateful
from homeostat.strategies.combine import all_of, any_of, at_least
from homeostat.strategies.drift import DriftStrategy
from homeostat.strategies.threshold import ThresholdStrategy
from homeostat.strategy import RetrainingStrategy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from homeostat import constraints as constraints
    from homeostat import estimate as estimate
    from homeostat import multivariate as multivariate
    from homeostat.budget import AlarmBudget
    from homeostat.client import Client
    from homeostat.comparison import Comparison, compare
    from homeostat.confidence import ConfidenceSequence
    from homeostat.decision import Decision, FixedShare, decide
    from homeostat.diagnosis import Diagnosis, diagnose
    from homeostat.drift.episodes import Episodes
    from homeostat.metrics.balanced_accuracy import BalancedAccuracy
    from homeostat.metrics.bias import Bias
    from homeostat.metrics.brier import Brier
    from homeostat.metrics.cohen_kappa import CohenKappa
    from homeostat.metrics.cuped import Cuped
    from homeostat.metrics.disparity import Disparity
    from homeostat.metrics.estimated import Estimated
    from homeostat.metrics.f1 import F1
    from homeostat.metrics.latency_quantile import LatencyQuantile
    from homeostat.metrics.log_loss import LogLoss
    from homeostat.metrics.mae import MAE
    from homeostat.metrics.mape import MAPE
    from homeostat.metrics.mcc import MCC
    from homeostat.metrics.missing_rate import MissingRate
    from homeostat.metrics.precision import Precision
    from homeostat.metrics.r2 import R2
    from homeostat.metrics.recall import Recall
    from homeostat.metrics.rmse import RMSE
    from homeostat.metrics.roc_auc import ROCAUC
    from homeostat.metrics.segmented import Segmented, segmented
    from homeostat.metrics.skill import Skill
    from homeostat.metrics.volume import Volume
    from homeostat.metrics.windowed import Windowed
    from homeostat.parity import Fairness, fairness
    from homeostat.reference import Profile, Reference, ReferenceFitter
    from homeostat.strategies.cost import CostAware
    from homeostat.strategies.labels import LabelVolume
    from homeostat.strategies.performance import (
        CupedStrategy,
        EstimatedStrategy,
        PerformanceStrategy,
    )
    from homeostat.strategies.schedule import Schedule

_LATER = {
    "AlarmBudget": "budget",
    "BalancedAccuracy": "metrics.balanced_accuracy",
    "Bias": "metrics.bias",
    "Brier": "metrics.brier",
    "Client": "client",
    "CohenKappa": "metrics.cohen_kappa",
    "Comparison": "comparison",
    "ConfidenceSequence": "confidence",
    "CostAware": "strategies.cost",
    "Cuped": "metrics.cuped",
    "CupedStrategy": "strategies.performance",
    "Disparity": "metrics.disparity",
    "Episodes": "drift.episodes",
    "Estimated": "metrics.estimated",
    "EstimatedStrategy": "strategies.performance",
    "F1": "metrics.f1",
    "Fairness": "parity",
    "FixedShare": "decision",
    "LabelVolume": "strategies.labels",
    "LatencyQuantile": "metrics.latency_quantile",
    "LogLoss": "metrics.log_loss",
    "MAE": "metrics.mae",
    "MAPE": "metrics.mape",
    "MCC": "metrics.mcc",
    "MissingRate": "metrics.missing_rate",
    "PerformanceStrategy": "strategies.performance",
    "Precision": "metrics.precision",
    "Profile": "reference",
    "R2": "metrics.r2",
    "RMSE": "metrics.rmse",
    "ROCAUC": "metrics.roc_auc",
    "Recall": "metrics.recall",
    "Reference": "reference",
    "ReferenceFitter": "reference",
    "Schedule": "strategies.schedule",
    "Segmented": "metrics.segmented",
    "Skill": "metrics.skill",
    "Volume": "metrics.volume",
    "Decision": "decision",
    "Diagnosis": "diagnosis",
    "compare": "comparison",
    "decide": "decision",
    "diagnose": "diagnosis",
    "fairness": "parity",
    "Windowed": "metrics.windowed",
    "segmented": "metrics.segmented",
}
"""What is imported when it is first named, so that `import homeostat` stays light."""

_MODULES = ("constraints", "estimate", "multivariate")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"homeostat.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'homeostat' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"homeostat.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


__all__ = [
    "ADWIN",
    "F1",
    "MAE",
    "MAPE",
    "MCC",
    "R2",
    "RMSE",
    "ROCAUC",
    "AccuracyMetric",
    "AlarmBudget",
    "BalancedAccuracy",
    "Batch",
    "Bias",
    "Brier",
    "ChallengerReady",
    "ChallengerRegistered",
    "ChallengerRejected",
    "ChallengerUndecided",
    "Client",
    "Closed",
    "CohenKappa",
    "Comparison",
    "ConfidenceSequence",
    "ConfigError",
    "CostAware",
    "Cuped",
    "CupedStrategy",
    "Decision",
    "DecisionEvent",
    "Detector",
    "Diagnosis",
    "Disparity",
    "DriftDetected",
    "DriftEnded",
    "DriftEvent",
    "DriftStrategy",
    "Engine",
    "EpisodeEvent",
    "Episodes",
    "Estimated",
    "EstimatedStrategy",
    "EventBatch",
    "EventBus",
    "FailureEvent",
    "Fairness",
    "FixedShare",
    "Full",
    "HomeostatError",
    "InferenceRecord",
    "InvalidInput",
    "InvalidSetting",
    "JobEvent",
    "LabelVolume",
    "Lagged",
    "LatencyMetric",
    "LatencyQuantile",
    "LeaderChanged",
    "LeaderEvent",
    "LogLoss",
    "Metric",
    "MetricEvent",
    "MetricUpdated",
    "MissingExtra",
    "MissingRate",
    "ModelMonitor",
    "ModelMonitorBuilder",
    "ModelPromoted",
    "ModelRolledBack",
    "PageHinkley",
    "PerformanceStrategy",
    "PluginFailed",
    "Precision",
    "Profile",
    "Recall",
    "Receiver",
    "Reference",
    "ReferenceFitter",
    "RetrainEvent",
    "RetrainFailed",
    "RetrainQueued",
    "RetrainRequested",
    "RetrainStarted",
    "RetrainSucceeded",
    "RetrainSuppressed",
    "RetrainingStrategy",
    "Schedule",
    "Segmented",
    "Sender",
    "Series",
    "Skill",
    "SnapshotMismatch",
    "Stateful",
    "Subscription",
    "SuppressedEvent",
    "SystemEvent",
    "ThresholdStrategy",
    "Volume",
    "WatchEnded",
    "Windowed",
    "all_of",
    "any_of",
    "at_least",
    "channel",
    "compare",
    "constraints",
    "decide",
    "diagnose",
    "drift",
    "estimate",
    "fairness",
    "multivariate",
    "segmented",
]
