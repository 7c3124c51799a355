"""`homeostat report`: one file without scripts that says how a model did, and why."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import town
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.errors import InvalidSetting
from homeostat.report import pdf
from homeostat.report.period import gather, open_alarms
from homeostat.report.words import summary, verdict
from homeostat.times import to_micros
from homeostat.upkeep.folders import opened

VOID = {"meta", "br", "hr", "col"}


class Text(HTMLParser):
    """What a person reads; every element that was opened must be closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.names, self.words = [], set(), []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.names.add(name)
        assert not [key for key, _ in attributes if key.startswith("on") or key in ("src", "href")]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("town")
    town.build(place, daily=400)
    return place


def run(*arguments):
    return CliRunner().invoke(cli, ["report", *map(str, arguments)])


def read(path):
    page = path.read_text()
    assert len(page) < 8_000_000
    assert not re.search(r"url\(|@import", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src &#x27;none&#x27;" in page
    found = Text(page)
    assert "script" not in found.names
    return page, found.text


def test_a_month_of_a_model(folder, tmp_path):
    target = tmp_path / "r.html"
    ran = run("--data", folder, "--model", "fraud", "--html", target)
    assert ran.exit_code == 0, ran.output
    page, text = read(target)
    assert "fraud ✓ healthy fraud is healthy. Its accuracy was 9" in text
    assert "error got worse" in text
    assert "The likely cause was concept drift, most of all in country" in text
    assert "Would retraining help? Yes: the relation has changed." in text
    assert "Done: 1 retraining, 1 promotion" in text
    assert "93.8 % right against 87.1 % on 2,140 records" in text.replace("87.2", "87.1")
    assert "country = PL" in text
    assert "half came within" in text
    assert "provisional" in text
    assert page.count("<svg") > 10
    assert "&lt;b&gt;IT&lt;/b&gt;" in page
    assert "<b>IT" not in page


def test_with_a_configuration_it_says_how_the_model_is_watched_and_no_secret(folder, tmp_path):
    config, target = tmp_path / "homeostat.toml", tmp_path / "r.html"
    config.write_text(
        '[[metrics]]\ntype = "accuracy"\nwindow = 300\n'
        '[strategy]\ntype = "threshold"\nthreshold = 0.8\n'
        '[[service.sinks]]\ntype = "webhook"\nunsigned = true\n'
        'url = "https://example.org/secret-token"\n'
    )
    ran = run("-d", folder, "-m", "fraud", "--config", config, "--html", target)
    assert ran.exit_code == 0, ran.output
    page, text = read(target)
    assert "AccuracyMetric(window=300" in text
    assert "secret-token" not in page


def test_what_moved_most_comes_first_and_what_did_not_last(folder):
    with opened(folder, read_only=True) as store:
        period = gather(store, "fraud", None, None)
    from homeostat.report.model import by_importance

    names = [row.name for row in by_importance(period.comparison, period.diagnosis)]
    assert names[0] == "country"
    assert names[-1] == "channel"
    assert "score" not in names  # without any value


def test_labels_that_are_not_there_are_no_missing_values(folder):
    with opened(folder, read_only=True) as store:
        period = gather(store, "fraud", None, None)
    rows = {row.name: row for row in period.comparison}
    assert rows["label"].missing is None
    assert rows["age"].missing is not None


def test_a_part_of_the_time_is_told_as_it_was_then(folder):
    with opened(folder, read_only=True) as store:
        quiet = gather(store, "fraud", None, to_micros(town.START) + 14 * 86_400_000_000)
        bad = gather(store, "fraud", None, to_micros(town.START) + 21 * 86_400_000_000)
    assert verdict(quiet).word == "healthy"
    assert summary(quiet)[1] == "Nothing changed that an alarm would tell of."
    assert summary(quiet)[-1] == "Nothing was retrained or promoted."
    assert sum(quiet.charts["records"]) == 14 * 400
    assert verdict(bad).word == "degraded"
    assert "1 still open" in summary(bad)[1]
    assert bad.cut < to_micros(town.START) + 18 * 86_400_000_000


def test_an_end_before_the_start_and_a_model_that_is_not_there(folder):
    with opened(folder, read_only=True) as store:
        with pytest.raises(InvalidSetting, match="--from must be before --to"):
            gather(store, "fraud", 5, 5)
        with pytest.raises(InvalidSetting, match="did you mean 'fraud'"):
            gather(store, "frod", None, None)
        empty = gather(store, "fraud", 1, 2)
    assert verdict(empty).word == "too few labels to tell"
    assert empty.problem.startswith("0 records before")


def test_an_empty_period_makes_a_page(folder, tmp_path):
    target = tmp_path / "r.html"
    ran = run("-d", folder, "-m", "fraud", "--from", "2020-01-01", "--to", "2020-02-01",
              "--html", target)  # fmt: skip
    assert ran.exit_code == 0, ran.output
    _, text = read(target)
    assert "No record lies in this period." in text


def test_a_hostile_name_is_text(tmp_path):
    town.build(tmp_path / "h", model=town.HOSTILE, days=3, daily=60, drift=2, mended=0)
    target = tmp_path / "r.html"
    ran = run("-d", tmp_path / "h", "-m", town.HOSTILE, "--html", target)
    assert ran.exit_code == 0, ran.output
    page, text = read(target)
    assert "alert(1)" in text
    assert "<script" not in page


def table(seed, n, moved):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    return {
        "age": rng.normal(40 + 5 * moved, 10, n), "plan": rng.choice(["a", "<i>b</i>"], n),
        "predicted_label": truth ^ (rng.random(n) < 0.1 + 0.2 * moved),
        "ground_truth_label": truth,
    }  # fmt: skip


@pytest.fixture
def two(tmp_path):
    pq.write_table(pa.table(table(0, 2000, 0)), tmp_path / "train.parquet")
    pq.write_table(pa.table(table(1, 900, 1) | {"new": np.ones(900)}), tmp_path / "today.parquet")
    return tmp_path


def test_two_tables(two):
    target = two / "c.html"
    ran = run("--reference", two / "train.parquet", "--current", two / "today.parquet",
              "--html", target)  # fmt: skip
    assert ran.exit_code == 0, ran.output
    page, text = read(target)
    assert "today.parquet against train.parquet ▲ drift" in text
    assert "of 4 columns are not distributed as before: " in text
    assert "'new' is new" in text
    assert "Error rate" in text
    assert "<i>b" not in page


def test_two_tables_that_are_alike(two):
    target = two / "c.html"
    same = two / "train.parquet"
    assert run("--reference", same, "--current", same, "--html", target).exit_code == 0
    _, text = read(target)
    assert "✓ no drift No column has changed by more than chance (4 were compared)." in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name either --model, or --reference"),
        (("--reference", "a.csv"), "--reference and --current go together"),
        (("--reference", "a.csv", "--current", "b.csv"), "no such file"),
        (("--model", "m", "--from", "yesterday"), "is no time"),
    ],
    ids=["nothing", "one side", "no file", "no time"],
)
def test_what_cannot_be_reported(arguments, said, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run("--data", folder, *arguments)
    assert ran.exit_code == 2
    assert said in ran.output


def test_without_a_browser_nothing_is_written(folder, tmp_path, monkeypatch):
    monkeypatch.setenv(pdf.VARIABLE, "no-such-browser")
    target = tmp_path / "r.html"
    ran = run("-d", folder, "-m", "fraud", "--html", target, "--pdf", tmp_path / "r.pdf")
    assert ran.exit_code == 1
    assert "printed by a Chromium" in ran.output
    assert not target.exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium to print with")
def test_a_pdf(two):
    ran = run("--reference", two / "train.parquet", "--current", two / "today.parquet",
              "--html", two / "c.html", "--pdf", two / "c.pdf")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert (two / "c.pdf").read_bytes().startswith(b"%PDF")


def test_a_change_for_the_better_is_nothing_to_act_on():
    from homeostat.dashboard.happening import Happening

    def happened(seq, kind, **event):
        return Happening(seq, kind, {"detector": "d", "metric": "m"} | event, seq, seq)

    begun = happened(1, "DriftDetected", direction="worse")
    assert open_alarms([begun, happened(2, "DriftDetected")]) == [begun]
    assert open_alarms([begun, happened(2, "DriftEnded")]) == []
    assert open_alarms([begun, happened(2, "ModelPromoted")]) == []
