"""States of rows that Spark makes on the fly, beside plain Spark SQL aggregates of the same rows.

    python benchmarks/spark.py [--rows 1000000 10000000 100000000] [--columns 20] [--json FILE]

Both group by model and minute. Ours counts outcomes, latencies by 1 %, and every column on the grid
of a reference: enough for quantiles, means, and the tests of drift. SQL's gives the number of
records, the accuracy, three quantiles of latency, and of every column its number, missing values,
mean, deviation, least, greatest and nine deciles. `light` is SQL's without the deciles, which says
nothing of a distribution. What making the rows costs is measured alone, and is part of all. Beyond
`--sql-most` rows (ten million) SQL is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

import homeostat as hs
from homeostat import spark as hsp

MODELS, MINUTES = 5, 60


def session():
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )


def rows_of(spark, n, columns):
    """Rows in the order of time over an hour; nothing of them is stored."""
    row = sf.col("id")
    second = row * (MINUTES * 60) / n
    partitions = max(2, n // 500_000)
    return spark.range(0, n, 1, partitions).select(
        sf.concat(sf.lit("m"), sf.pmod(sf.hash(row), sf.lit(MODELS)).cast("string")).alias("model"),
        sf.lit("v1").alias("model_version"),
        sf.when(sf.rand(1) < 0.5, "yes").otherwise("no").alias("predicted_label"),
        sf.when(sf.rand(2) < 0.5, "yes").otherwise("no").alias("ground_truth_label"),
        sf.exp(sf.randn(3) + 2).alias("latency_ms"),
        sf.timestamp_seconds(sf.lit(1_700_000_040) + second).alias("created_at"),
        *(sf.randn(10 + each).alias(f"f{each}") for each in range(columns)),
    )


def plain_sql(df, columns, deciles):
    told = [
        sf.count(sf.lit(1)).alias("records"),
        sf.avg((sf.col("predicted_label") == sf.col("ground_truth_label")).cast("double")).alias(
            "a"
        ),
        sf.percentile_approx("latency_ms", [0.5, 0.95, 0.99], 100).alias("latency"),
    ]
    shares = [at / 10 for at in range(1, 10)]
    for at in range(columns):
        name = f"f{at}"
        told += [
            sf.count(name).alias(f"{name}_n"), sf.avg(name).alias(f"{name}_mean"),
            sf.stddev(name).alias(f"{name}_sd"), sf.min(name).alias(f"{name}_low"),
            sf.max(name).alias(f"{name}_high"),
            sf.sum(sf.col(name).isNull().cast("long")).alias(f"{name}_missing"),
        ]  # fmt: skip
        if deciles:
            told.append(sf.percentile_approx(name, shares, 100).alias(f"{name}_deciles"))
    minute = sf.date_trunc("minute", "created_at").alias("minute")
    return df.groupBy("model", "model_version", minute).agg(*told)


def seconds(df):
    """Everything of a data frame computed, and nothing of it kept."""
    started = time.perf_counter()
    df.write.format("noop").mode("overwrite").save()
    return round(time.perf_counter() - started, 2)


def driver_mb(spark):
    """What the driver holds: Java's heap after a collection, and this process at its highest."""
    spark.sparkContext._jvm.java.lang.System.gc()
    runtime = spark.sparkContext._jvm.java.lang.Runtime.getRuntime()
    heap = (runtime.totalMemory() - runtime.freeMemory()) >> 20
    return int(heap), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument(
        "--sql-most", type=int, default=10_000_000, help="rows, beyond which no SQL"
    )
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    usual = hs.Reference.fit({f"f{at}": rng.normal(size=100_000) for at in range(given.columns)})
    spark = session()
    spark.sparkContext.setLogLevel("ERROR")
    seconds(hsp.profile(rows_of(spark, 20_000, given.columns), reference=usual))  # workers begin
    found = []
    for n in given.rows:
        df = rows_of(spark, n, given.columns)
        told = {
            "rows": n,
            "seconds_rows_alone": seconds(df),
            "seconds": seconds(hsp.profile(df, reference=usual)),
        }
        told["rows_per_second"] = round(n / told["seconds"])
        if n <= given.sql_most:
            for name, deciles in (("sql", True), ("sql_light", False)):
                took = seconds(plain_sql(df, given.columns, deciles))
                told |= {f"seconds_{name}": took, f"times_{name}": round(told["seconds"] / took, 2)}
        told["driver_heap_mb"], told["driver_python_mb"] = driver_mb(spark)
        print(json.dumps(told), flush=True)
        found.append(told)
    spark.stop()
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
