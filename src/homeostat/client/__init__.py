"""Sending records and labels to the service from the program that serves the model."""

from homeostat.client.client import Client
from homeostat.client.delivery import Rejection
from homeostat.client.stats import Stats

__all__ = ["Client", "Rejection", "Stats"]
