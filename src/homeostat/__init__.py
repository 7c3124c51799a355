"""homeostat keeps a machine-learning model healthy in production."""

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
    ChallengerRejected,
    DecisionEvent,
    DriftDetected,
    DriftEvent,
    FailureEvent,
    MetricEvent,
    MetricUpdated,
    ModelPromoted,
    PluginFailed,
    RetrainEvent,
    RetrainRequested,
    SystemEvent,
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

__all__ = [
    "ADWIN",
    "AccuracyMetric",
    "Batch",
    "ChallengerRejected",
    "Closed",
    "ConfigError",
    "DecisionEvent",
    "Detector",
    "DriftDetected",
    "DriftEvent",
    "DriftStrategy",
    "Engine",
    "EventBatch",
    "EventBus",
    "FailureEvent",
    "Full",
    "HomeostatError",
    "InferenceRecord",
    "InvalidInput",
    "InvalidSetting",
    "Lagged",
    "LatencyMetric",
    "Metric",
    "MetricEvent",
    "MetricUpdated",
    "MissingExtra",
    "ModelMonitor",
    "ModelMonitorBuilder",
    "ModelPromoted",
    "PageHinkley",
    "PluginFailed",
    "Receiver",
    "RetrainEvent",
    "RetrainRequested",
    "RetrainingStrategy",
    "Sender",
    "Series",
    "SnapshotMismatch",
    "Stateful",
    "Subscription",
    "SystemEvent",
    "ThresholdStrategy",
    "all_of",
    "any_of",
    "at_least",
    "channel",
    "drift",
]
