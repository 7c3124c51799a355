import gzip
import json
import os
import signal
import subprocess
import sys

import pytest

from homeostat import InferenceRecord, SystemEvent, config
from homeostat.cli.tally import MOST


def summary(result):
    return json.loads(result.stdout)


def test_the_summary_counts_everything(homeostat, drifting):
    result = homeostat("run", drifting)
    found = summary(result)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert (found["status"], found["error"], found["format"]) == ("finished", None, "jsonl")
    assert found["records"] == {"read": 720, "monitored": 720, "set_aside": 0}
    assert found["versions"] == {"v1": 700, "v2": 20}
    assert found["span"] == ["2026-01-01T00:00:00Z", "2026-01-30T23:00:00Z"]
    accuracy = found["metrics"]["accuracy"]
    assert accuracy == {"n": 720, "last": 0.0, "min": 0.0, "max": 1.0}
    assert found["metrics"]["latency_ms_ewma"]["n"] == 720


def test_events_are_those_of_one_record_after_another(homeostat, drifting, tmp_path):
    out = tmp_path / "events.jsonl"
    found = summary(homeostat("run", drifting, "--events", out))
    engine = config.default().engine()
    expected = [
        event.to_json()
        for text in drifting.read_text().splitlines()
        for event in engine.observe(InferenceRecord.from_json(text))
    ]
    assert out.read_text().splitlines() == expected
    events = [SystemEvent.from_json(text) for text in expected]
    drifts = [event for event in events if event.kind == "DriftDetected"]
    assert len(drifts) >= 1
    assert found["drift"]["count"] == len(drifts) == found["events"]["DriftDetected"]
    assert found["drift"]["first"] == json.loads(drifts[0].to_json())["DriftDetected"]
    assert found["retrain"]["count"] == found["events"]["RetrainRequested"] >= 1


@pytest.mark.parametrize("kinds", [["drift,retrain"], ["drift", "RetrainRequested"]])
def test_only_the_chosen_events_are_written(homeostat, drifting, tmp_path, kinds):
    out = tmp_path / "events.jsonl"
    options = [part for kind in kinds for part in ("--events-kinds", kind)]
    homeostat("run", drifting, "-e", out, *options)
    written = {SystemEvent.from_json(text).kind for text in out.read_text().splitlines()}
    assert written == {"DriftDetected", "RetrainRequested"}


def test_events_on_standard_output_leave_it_to_them(homeostat, drifting):
    result = homeostat("run", drifting, "--events", "-", "--events-kinds", "drift")
    assert {SystemEvent.from_json(text).kind for text in result.stdout.splitlines()} == {
        "DriftDetected"
    }
    assert json.loads(result.stderr)["records"]["read"] == 720


def test_bad_lines_are_set_aside_counted_and_told(homeostat, tmp_path, line):
    path, rejects = tmp_path / "in.jsonl", tmp_path / "bad.jsonl"
    path.write_text(
        line() + line(latency_ms=-1) + line(latency_ms=-2) + "{\n" + line(latecny=1) + line()[:-20]
    )
    result = homeostat("run", path, "--rejects", rejects)
    found = summary(result)
    assert result.exit_code == 3
    assert found["records"] == {"read": 6, "monitored": 1, "set_aside": 5}
    told = {(fault["field"], fault["count"], fault["first"]) for fault in found["set_aside"]}
    assert {("latency_ms", 2, "line 2"), ("latecny", 1, "line 5")} <= told
    assert sum(fault["count"] for fault in found["set_aside"]) == 5
    written = [json.loads(text) for text in rejects.read_text().splitlines()]
    assert [reject["line"] for reject in written] == [2, 3, 4, 5, 6]
    assert set(written[0]) == {"source", "line", "field", "problem", "hint", "raw"}
    assert written[3]["hint"] == "did you mean 'latency_ms'?"


def test_an_old_rejects_file_does_not_outlive_a_clean_run(homeostat, tmp_path, drifting):
    rejects = tmp_path / "bad.jsonl"
    rejects.write_text("old")
    assert homeostat("run", drifting, "-r", rejects).exit_code == 0
    assert rejects.read_text() == ""


def test_strict_stops_at_the_first_bad_line(homeostat, tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_text(line() * 3 + line(latency_ms=-1) + line() * 3)
    result = homeostat("run", path, "--strict")
    assert result.exit_code == 1
    assert f"Error: {path}: line 4: latency_ms must be at least 0" in result.stderr
    found = summary(result)
    assert (found["status"], found["records"]["monitored"]) == ("stopped", 3)


def test_fail_on_goes_before_set_aside(homeostat, drifting, line):
    assert homeostat("run", drifting, "--fail-on", "drift").exit_code == 4
    assert homeostat("run", drifting, "--fail-on", "failure").exit_code == 0
    with drifting.open("a") as file:
        file.write("{\n")
    assert homeostat("run", drifting).exit_code == 3
    assert homeostat("run", drifting, "--fail-on", "retrain").exit_code == 4


def test_fail_on_drift_lets_an_improvement_pass(homeostat, drifting, tmp_path, line):
    better = tmp_path / "better.jsonl"
    better.write_text(
        "".join(line(predicted_label="b") for _ in range(400)) + "".join(line() for _ in range(400))
    )
    result = homeostat("run", better, "--fail-on", "drift")
    assert {summary(result)["drift"][end]["direction"] for end in ("first", "last")} == {"better"}
    assert result.exit_code == 0
    with better.open("a") as file:
        file.write(drifting.read_text())
    assert homeostat("run", better, "--fail-on", "drift").exit_code == 4


def test_nothing_to_monitor_is_an_error(homeostat, tmp_path):
    path = tmp_path / "in.jsonl"
    for content, message in (
        ("", "is empty"),
        ("\n\n", "holds no record; give"),
        ("{\n[]\n", "holds no record that can be taken, 2 were set aside"),
    ):
        path.write_text(content)
        result = homeostat("run", path)
        assert (result.exit_code, message in result.stderr) == (1, True), content
    assert homeostat("run", "-", stdin="").exit_code == 1


def test_a_damaged_file_tells_what_came_before(homeostat, tmp_path, line):
    path = tmp_path / "in.jsonl.gz"
    text = "".join(line(latency_ms=i * 7919 % 1000) for i in range(3000))
    path.write_bytes(gzip.compress(text.encode())[:-500])
    result = homeostat("run", path)
    assert result.exit_code == 1
    assert "is damaged" in result.stderr
    assert 0 < summary(result)["records"]["monitored"] < 3000


USAGE = {
    "no source": ((), "Missing argument 'SOURCE'"),
    "no file": (("none.jsonl",), "none.jsonl: No such file"),
    "standard input beside others": (("-", "in.jsonl"), "is read alone"),
    "no column": (("in.jsonl", "--map", "label"), "write FIELD=COLUMN"),
    "no zone": (("in.jsonl", "--zone", "Moon/Sea"), "no such zone"),
    "events of a folder": (("in.jsonl", "-d", "x", "--fail-on", "drift"), "keeps the events"),
    "no configuration": (("in.jsonl", "--config", "no.toml"), "no.toml: No such file"),
    "bad configuration": (("in.jsonl", "--config", "bad.toml"), "bad.toml: metrics[0].windw"),
    "no such option": (("in.jsonl", "--strickt"), "--strict"),
    "no such format": (("in.jsonl", "--format", "xml"), "'xml'"),
    "no such event": (("in.jsonl", "--events-kinds", "drif"), "did you mean 'drift'?"),
    "kinds of no events": (("in.jsonl", "--events-kinds", "drift"), "pass --events FILE too"),
    "overwriting": (("in.jsonl", "--rejects", "./in.jsonl"), "same file as SOURCE"),
    "twice": (("in.jsonl", "-r", "x", "-e", "x"), "is the same file as --events"),
    "no directory": (("in.jsonl", "--events", "no/where"), "no/where: No such file"),
}  # fmt: skip


@pytest.mark.parametrize(("args", "message"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_one_clear_error(homeostat, tmp_path, line, args, message):
    (tmp_path / "in.jsonl").write_text(line())
    (tmp_path / "bad.toml").write_text('[[metrics]]\ntype = "accuracy"\nwindw = 3')
    result = homeostat("run", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "in.jsonl").read_text() == line()


def test_debug_shows_the_traceback(process, tmp_path):
    (tmp_path / "bad.toml").write_text("[x]")
    plain = ("run", "in.jsonl", "--config", "bad.toml")
    assert errors_of(process(*plain)) == "Error: bad.toml: x: no such section; known: " + (
        "alarms, detectors, input, lateness, metrics, positive, privacy, reference, segments, "
        "source, strategy, task, windows\n"
    )
    for debugged in (("--debug", *plain), (*plain, "--debug")):
        assert "Traceback" in errors_of(process(*debugged))


def errors_of(child):
    return child.communicate()[1]


def test_the_configuration_in_the_directory_is_used(homeostat, tmp_path, drifting):
    (tmp_path / "homeostat.toml").write_text('[[metrics]]\ntype = "accuracy"\nwindow = 3')
    found = summary(homeostat("run", drifting))
    assert found["config"] == "homeostat.toml"
    assert set(found["metrics"]) == {"accuracy"}


def test_the_command_line_goes_before_the_configuration(homeostat, tmp_path, line):
    (tmp_path / "homeostat.toml").write_text(
        '[[metrics]]\ntype = "accuracy"\n[input]\nunknown = "ignore"'
    )
    (tmp_path / "in.jsonl").write_text(line(region="eu"))
    assert homeostat("run", "in.jsonl").exit_code == 0
    assert homeostat("run", "in.jsonl", "--unknown", "reject").exit_code == 1


def test_the_table_shows_metrics_events_and_faults(homeostat, drifting):
    with drifting.open("a") as file:
        file.write('{"model_version": "[red]v1[/red]", "latency": 1}\n')
    out = homeostat("run", drifting, "--output", "table").stdout
    assert "720 monitored" in out
    assert "1 set aside" in out
    for word in ("accuracy", "latency_ms_ewma", "DriftDetected", "RetrainRequested", "line 721"):
        assert word in out
    assert "v1 (700), v2 (20)" in out
    assert "\x1b" not in out


def test_names_are_shown_as_they_are(homeostat, tmp_path, line):
    path = tmp_path / "[bold]in.jsonl"
    path.write_text(line(model_version="[red]v1[/red]"))
    out = homeostat("run", path, "--output", "table").stdout
    assert "[bold]in.jsonl" in out
    assert "[red]v1[/red] (1)" in out


def test_many_versions_are_counted_in_bounded_memory(homeostat, tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(line(model_version=f"v{i}") for i in range(MOST + 50)))
    versions = summary(homeostat("run", path))["versions"]
    assert len(versions) == MOST + 1
    assert versions["(other)"] == 50


def test_many_metrics_are_all_counted_and_some_shown(homeostat, tmp_path, line):
    (tmp_path / "homeostat.toml").write_text(
        '[[metrics]]\ntype = "segmented"\nby = "model"\nmetric = { type = "accuracy" }'
    )
    path = tmp_path / "in.jsonl"
    path.write_text("".join(line(model=f"m{i % 40}") for i in range(400)))
    metrics = summary(homeostat("run", path))["metrics"]
    assert [values["n"] for values in metrics.values()] == [10] * 40
    out = homeostat("run", path, "-o", "table").stdout
    assert "accuracy[model=m29]" in out
    assert "accuracy[model=m30]" not in out
    assert "and 10 more" in out


def test_a_plugin_that_raises_is_told(homeostat, tmp_path, drifting, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "class Broken:\n    name = 'broken'\n    def on_record(self, record):\n        1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "homeostat.toml").write_text('[[metrics]]\ntype = "mine:Broken"')
    result = homeostat("run", drifting, "--fail-on", "failure")
    assert result.exit_code == 4
    assert summary(result)["failure"]["first"]["error"] == "ZeroDivisionError: division by zero"
    assert "broken: ZeroDivisionError" in homeostat("run", drifting, "-o", "table").stdout


def test_a_live_pipe_is_followed_and_an_interrupt_still_sums_up(process, line):
    child = process("run", "-", "--events", "-", "--events-kinds", "metric", stdin=subprocess.PIPE)
    for latency in (5, 6):
        child.stdin.write(line(latency_ms=latency))
        child.stdin.flush()
        assert "accuracy" in child.stdout.readline()  # comes while the pipe is still open
        assert "latency_ms_ewma" in child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate()
    assert child.returncode == 130
    found = json.loads(errors)
    assert (found["status"], found["records"]["monitored"]) == ("interrupted", 2)


def test_a_reader_that_leaves_is_no_matter(process, tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_text(line() * 20_000)
    child = process("run", path, "--events", "-")
    assert child.stdout.readline()
    child.stdout.close()
    assert child.wait() == 141
    assert child.stderr.read() == ""
    child.stderr.close()


def test_the_exit_status_reaches_the_shell(process, tmp_path, line):
    path = tmp_path / "in.csv"
    path.write_text(
        "model_version,predicted_label,latency_ms,created_at\nv1,a,1,2026-01-01T00:00Z\n"
    )
    child = process("run", path)
    out, errors = child.communicate()
    assert (child.returncode, errors) == (0, "")
    assert json.loads(out)["format"] == "csv"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_a_bar_and_a_table(process, drifting, no_color):
    import pty

    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    environment.pop("NO_COLOR", None)
    if no_color:
        environment["NO_COLOR"] = "1"
    child = process("run", drifting, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux tells that the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert child.wait() == 0
    text = shown.decode()
    assert "100%" in text
    assert "720 monitored" in text
    assert ("\x1b[33m" in text) is not no_color  # events to look at are yellow
    assert "{" not in text


def test_a_class_in_the_current_directory_is_found(tmp_path, line):
    (tmp_path / "mine_here.py").write_text(
        "class Good:\n    name = 'good'\n    def on_record(self, record):\n        return None\n"
    )
    (tmp_path / "c.toml").write_text('[[metrics]]\ntype = "mine_here:Good"')
    (tmp_path / "in.jsonl").write_text(line())
    code = "from homeostat.cli import main; main()"
    # -P: as with an installed script, the current directory is not on the path
    command = [sys.executable, "-P", "-c", code, "run", "in.jsonl", "-c", "c.toml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_are_no_pictures(homeostat, tmp_path, line):
    path = tmp_path / ":boom:.jsonl"
    path.write_text(line(model_version=":boom:"))
    out = homeostat("run", path, "--output", "table").stdout
    assert out.count(":boom:") == 2
    assert "\N{COLLISION SYMBOL}" not in out


def test_a_metric_without_a_value_is_listed_and_explained(homeostat, tmp_path, line):
    (tmp_path / "homeostat.toml").write_text(
        '[[metrics]]\ntype = "accuracy"\n[[metrics]]\ntype = "mae"\n'
        '[[metrics]]\ntype = "segmented"\nby = "model"\nmetric = { type = "recall" }'
    )
    path = tmp_path / "in.jsonl"
    path.write_text(line(model="m") * 3)
    found = summary(homeostat("run", path))
    assert found["metrics"]["mae"] == {"n": 0, "last": None, "min": None, "max": None}
    assert found["metrics"]["accuracy"]["n"] == 3
    assert "recall_macro[model=m]" in found["metrics"]
    assert "recall_macro" not in found["metrics"]
    [note] = found["notes"]
    assert note.startswith("mae had nothing to measure")
    shown = homeostat("run", path, "-o", "table").stdout
    assert note in shown
    assert ["mae", "-", "-", "-", "0"] in [text.split() for text in shown.splitlines()]

    path.write_text(line(predicted_label=1.5, ground_truth_label=None) * 3)
    found = summary(homeostat("run", path))
    assert (found["metrics"]["mae"]["n"], found["notes"]) == (0, [])


def test_faults_that_are_not_shown_are_said_to_be_in_the_rejects(homeostat, tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_text(line() + "".join(line(**{f"unknown{i}": 1}) for i in range(8)))
    assert "--rejects FILE" in homeostat("run", path, "-o", "table").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_a_termination_still_sums_up(process, line):
    child = process("run", "-", "--events", "-", "--events-kinds", "metric", stdin=subprocess.PIPE)
    child.stdin.write(line())
    child.stdin.flush()
    assert "accuracy" in child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate()
    assert child.returncode == 143
    found = json.loads(errors)
    assert (found["status"], found["records"]["monitored"]) == ("terminated", 1)
