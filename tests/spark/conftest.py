"""One Spark in the process, small; and one of several processes where it is asked for."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


@pytest.fixture(autouse=True)
def alone():
    """Several workers would begin a Spark each."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.skip("Spark's tests run alone: pytest -n0 tests/spark, as .ci/run does")


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    pytest.importorskip("pyspark", reason='needs pyspark: pip install "homeostat[spark]"')
    if shutil.which("java") is None:
        pytest.skip("needs Java 17 or 21: apt-get install openjdk-17-jre-headless")
    from pyspark.sql import SparkSession

    place = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "America/New_York")  # not that of the records
        .config("spark.sql.warehouse.dir", str(place / "warehouse"))
        .config("spark.local.dir", str(place / "local"))
        .getOrCreate()
    )
    yield session
    session.stop()
