"""Prometheus' Alertmanager: each event as an alert, and the end of a drift as the end of its alert.

Source: the Alertmanager API v2, `POST /api/v2/alerts`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from homeostat.durations import seconds
from homeostat.outbound.addresses import Target, target_of
from homeostat.outbound.calling import Caller
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.sinks.outgoing import GiveUp, Outgoing
from homeostat.times import to_text

SEVERITY = {
    "DriftDetected": "warning",
    "DriftEnded": "warning",
    "PluginFailed": "warning",
    "RetrainRequested": "info",
    "ModelPromoted": "info",
    "ModelRolledBack": "warning",
    "WatchEnded": "info",
    "LeaderChanged": "info",
    "ChallengerRegistered": "info",
    "ChallengerReady": "info",
    "ChallengerRejected": "info",
    "ChallengerUndecided": "info",
    "RetrainSuppressed": "info",
    "RetrainQueued": "info",
    "RetrainStarted": "info",
    "RetrainSucceeded": "info",
    "RetrainFailed": "warning",
}
_SAME = {"DriftDetected": "Drift", "DriftEnded": "Drift"}  # one alert, which begins and ends
_LABELS = ("metric", "detector", "plugin", "model_version", "affected_model")
_NOTES = ("reason", "error", "direction", "observed", "threshold", "challenger")


def alertmanager(
    url: str, *, token: str | None = None, lasts: str = "1d", allow_http: bool = False,
    allow_private: bool = False, ca: str | None = None, timeout: float = 15.0,
) -> Alertmanager:  # fmt: skip
    """An Alertmanager from its settings; raises ConfigError, InvalidSetting.

    `url` is its address, without /api. `token` names a bearer token. An alert that nothing ends
    is over after `lasts`.
    """
    caller = Caller(allow_private=allow_private, ca=ca, timeout=timeout)
    target = target_of(url.rstrip("/") + "/api/v2/alerts", allow_http)
    bearer = None if token is None else Secret(token)
    return Alertmanager(target, caller, seconds(lasts), bearer)


class Alertmanager:
    """Posts each event as an alert. `lasts` is in seconds."""

    name = "alertmanager"

    def __init__(
        self, target: Target, caller: Caller, lasts: float = 86_400.0, token: Secret | None = None
    ) -> None:
        self._target, self._caller, self._lasts, self._token = target, caller, lasts, token

    def check(self) -> None:
        """Raises ConfigError when the token is not there."""
        if self._token is not None:
            self._token.reveal()

    def send(self, event: Outgoing) -> None:
        now = datetime.fromtimestamp(self._caller.now(), UTC)
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        body = msgspec.json.encode([alert(event, now, self._lasts)])
        status, after = self._caller.post(self._target, headers, body)
        if status in (400, 413, 422):
            raise GiveUp(f"Alertmanager answered {status}: it cannot take this event")
        if not 200 <= status < 300:
            raise Retry(f"Alertmanager answered {status}", after)


def alert(event: Outgoing, now: datetime, lasts: float) -> dict[str, Any]:
    """An event as Alertmanager takes it; the end of a drift has the labels of its beginning."""
    told = event.payload
    labels = {
        "alertname": _SAME.get(event.kind, event.kind),
        "model": event.model,
        "severity": SEVERITY.get(event.kind, "info"),
    }
    labels |= {name: str(told[name]) for name in _LABELS if told.get(name) is not None}
    notes = {name: str(told[name]) for name in _NOTES if told.get(name) is not None}
    created = told.get("created_at", to_text(now))
    ended = event.kind == "DriftEnded"
    return {
        "labels": labels,
        "annotations": {"summary": f"{event.kind} of {event.model}", "event": event.id, **notes},
        "startsAt": told.get("began_at", created) if ended else created,
        "endsAt": created if ended else to_text(now + timedelta(seconds=lasts)),
    }
