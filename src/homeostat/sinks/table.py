"""The sinks by name, and those that installed packages bring."""

from __future__ import annotations

from homeostat.makers import Makers

TABLE = {
    "webhook": "homeostat.sinks.webhook:webhook",
    "alertmanager": "homeostat.sinks.alertmanager:alertmanager",
    "apprise": "homeostat.sinks.apprise:Apprise",
    "jsonl": "homeostat.sinks.jsonl:JSONL",
    "kafka": "homeostat.sinks.kafka:Kafka",
    "stdout": "homeostat.sinks.stdout:Stdout",
}

SINKS = Makers("sink", "homeostat.sinks", TABLE)
