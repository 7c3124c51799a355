"""A command that trains, and all that it may do wrong; nothing sleeps, all is waited for."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trainingworld import dead, ended, order, pid_in, python, until

from homeostat.errors import ConfigError
from homeostat.testing import trainer_laws
from homeostat.trainers import supervise, trainer_of
from homeostat.trainers.printed import share_of

TELL = "import os; open(os.environ['HOMEOSTAT_RESULT'], 'w').write({!r})"
PID = "import os; open(os.environ['HOMEOSTAT_FOLDER'] + '/pid', 'w').write(str(os.getpid()))\n"
WAIT = "import signal\nwhile True: signal.pause()\n"


def told(text, after=""):
    return TELL.format(text) + after


def test_the_result_comes_back(tmp_path):
    trainer = python(
        "import json, os\n"
        "order = json.load(open(os.environ['HOMEOSTAT_ORDER']))\n"
        "open(os.environ['HOMEOSTAT_FOLDER'] + '/model', 'w').write('12345')\n"
        "print('homeostat: progress 0.4')\n"
        "json.dump({'artifact': 'model', 'version': order['job'] + '-v', 'metrics': {'auc': 0.9}},"
        " open(os.environ['HOMEOSTAT_RESULT'], 'w'))"
    )
    progress = ended(trainer, trainer.begin(order(tmp_path)))
    assert progress.state == "succeeded", progress
    result = progress.result
    assert (result.artifact, result.version, result.size_bytes) == ("model", "churn-7-v", 5)
    assert result.metrics == {"auc": 0.9}
    assert progress.lines == ("homeostat: progress 0.4",)


def test_it_sees_no_secret_but_what_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SERVICE_SECRET", "x")
    monkeypatch.setenv("NAMED", "y")
    trainer = python(
        "import os; print(sorted(set(os.environ) & {'SERVICE_SECRET', 'NAMED', 'OWN'}))",
        env=["NAMED"], environment={"OWN": "z"},
    )  # fmt: skip
    progress = ended(trainer, trainer.begin(order(tmp_path)))
    assert progress.lines == ("['NAMED', 'OWN']",)


BAD = {
    "no result": ("pass", "result is missing"),
    "no json": (told("{"), "is not what was agreed on"),
    "not utf-8": ("import os; open(os.environ['HOMEOSTAT_RESULT'], 'wb').write(b'\"\\xff\"')",
                  "is not what was agreed on"),
    "a list": (told("[]"), "is not what was agreed on"),
    "a wrong name": (told('{"metric": {}}'), "unknown field `metric`"),
    "no number": (told('{"metrics": {"auc": "good"}}'), "metrics"),
    "beyond numbers": (told('{"metrics": {"auc": 1e999}}'), "is not what was agreed on"),
    "an empty version": (told('{"version": " "}'), "version must be"),
    "large": ("import os; open(os.environ['HOMEOSTAT_RESULT'], 'wb').truncate(1 << 30)",
              "larger than"),
    "outside": (told('{"artifact": "../other"}'), "outside the folder"),
    "absolute": (told('{"artifact": "/etc/passwd"}'), "outside the folder"),
    "absent": (told('{"artifact": "model"}'), "is not in the folder"),
    "a link out": ("import os; os.symlink('/etc/passwd', os.environ['HOMEOSTAT_FOLDER'] + '/m')\n"
                   + told('{"artifact": "m"}'), "outside the folder"),
    "a pipe": ("import os; os.mkfifo(os.environ['HOMEOSTAT_RESULT'])", "no plain file"),
    "a status": ("import sys; print('no data'); sys.exit(3)", "status 3; its last line: no data"),
    "a signal": ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_success_fails_with_the_reason(tmp_path, name):
    code, problem = BAD[name]
    trainer = python(code)
    handle = trainer.begin(order(tmp_path))
    progress = ended(trainer, handle)
    assert progress.state == "failed"
    assert problem in progress.problem
    assert trainer.look(handle) == progress


def test_what_cannot_be_started_says_so(tmp_path):
    trainer = trainer_of({"type": "command", "argv": ["no-such-program-here"]})
    progress = ended(trainer, trainer.begin(order(tmp_path)))
    assert progress.state == "failed"
    assert "no-such-program-here" in progress.problem


def test_what_ignores_sigterm_is_killed_with_its_grandchildren(tmp_path):
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"  # out of the group
        "    open(os.environ['HOMEOSTAT_FOLDER'] + '/grandchild', 'w').write(str(os.getpid()))\n"
        "else:\n"
        "    open(os.environ['HOMEOSTAT_FOLDER'] + '/pid', 'w').write(str(os.getpid()))\n" + WAIT
    )
    trainer = python(code, grace=0.2)
    handle = trainer.begin(order(tmp_path))
    pids = [pid_in(tmp_path / "pid"), pid_in(tmp_path / "grandchild")]
    assert trainer.look(handle).state == "running"
    trainer.cancel(handle)
    trainer.cancel(handle)
    assert ended(trainer, handle).state == "cancelled"
    assert all(dead(pid) for pid in pids)
    trainer.cancel(handle)
    assert trainer.look(handle).state == "cancelled"


def test_a_grandchild_that_is_left_behind_is_ended(tmp_path):
    code = (
        "import os, signal\n"
        "if os.fork() == 0:\n"
        "    open(os.environ['HOMEOSTAT_FOLDER'] + '/pid', 'w').write(str(os.getpid()))\n"
        "    signal.pause()\n"
        "while not os.path.exists(os.environ['HOMEOSTAT_FOLDER'] + '/pid'): os.sched_yield()\n"
        + told("{}")
    )
    trainer = python(code)
    assert ended(trainer, trainer.begin(order(tmp_path))).state == "succeeded"
    assert dead(pid_in(tmp_path / "pid"))


def test_an_output_without_end_is_cut(tmp_path):
    code = "import os\nfor _ in range(3200): os.write(1, b'x' * 65535 + b'\\n')\nprint('last')\n"
    trainer = python(code + told("{}"))
    progress = ended(trainer, trainer.begin(order(tmp_path)))
    assert progress.state == "succeeded"
    assert progress.lines[-1] == "last"
    kept = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    assert kept < 3 * supervise.KEPT


def test_one_that_closes_its_output_lives_on(tmp_path):
    code = (
        "import os\nos.close(1); os.close(2)\n" + PID + "path = os.environ['HOMEOSTAT_FOLDER'] +"
        " '/go'\nwhile not os.path.exists(path): os.sched_yield()\n" + told("{}")
    )
    trainer = python(code)
    handle = trainer.begin(order(tmp_path))
    pid_in(tmp_path / "pid")
    assert trainer.look(handle).state == "running"
    (tmp_path / "go").touch()
    assert ended(trainer, handle).state == "succeeded"


@pytest.mark.parametrize("how", ["too late", "silent"])
def test_one_that_is_frozen_is_ended(tmp_path, how):
    code = PID + "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    trainer = python(code, grace=0.1, silence=0.5 if how == "silent" else None)
    handle = trainer.begin(order(tmp_path, seconds=60 if how == "silent" else 0.5))
    progress = ended(trainer, handle)
    assert progress.state == "failed"
    assert "too long" in progress.problem
    assert dead(pid_in(tmp_path / "pid"))


def test_begun_twice_it_runs_once(tmp_path):
    code = "import os; open(os.environ['HOMEOSTAT_FOLDER'] + '/runs', 'a').write('x')\n"
    trainer = python(code + told("{}"))
    handles = {trainer.begin(order(tmp_path)) for _ in range(3)}
    assert len(handles) == 1
    assert ended(trainer, handles.pop()).state == "succeeded"
    trainer.begin(order(tmp_path))
    assert (tmp_path / "runs").read_text() == "x"


def test_it_outlives_the_server_that_began_it(tmp_path):
    code = (
        PID + "path = os.environ['HOMEOSTAT_FOLDER'] + '/go'\n"
        "while not os.path.exists(path): os.sched_yield()\n" + told('{"version": "v9"}')
    )
    server = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from trainingworld import order, python\n"
        "python(sys.argv[3]).begin(order(sys.argv[2]))\n"
        "os.kill(os.getpid(), 9)"
    )
    argv = [sys.executable, "-c", server, str(Path(__file__).parent), str(tmp_path), code]
    assert subprocess.run(argv, check=False).returncode == -9
    trainer = python(code)
    pid_in(tmp_path / "pid")
    assert trainer.look(str(tmp_path)).state == "running"
    assert trainer.begin(order(tmp_path)) == str(tmp_path)
    (tmp_path / "go").touch()
    assert ended(trainer, str(tmp_path)).result.version == "v9"


@pytest.mark.parametrize("then", ["looked at", "cancelled"])
def test_when_its_supervisor_dies_nothing_is_left(tmp_path, then):
    trainer = python(PID + WAIT)
    handle = trainer.begin(order(tmp_path))
    pid = pid_in(tmp_path / "pid")
    supervisor = json.loads((tmp_path / "run" / "process.json").read_text())["supervisor"]
    os.kill(supervisor["pid"], signal.SIGKILL)
    until(lambda: dead(supervisor["pid"]))
    if then == "cancelled":
        trainer.cancel(handle)
    state = trainer.look(handle).state
    assert state == ("lost" if then == "looked at" else "cancelled")
    until(lambda: dead(pid))
    assert trainer.look(handle).state == state


def test_a_later_process_of_the_same_number_is_not_taken_for_it(tmp_path):
    trainer = python("pass")
    run = tmp_path / "run"
    run.mkdir()
    other = subprocess.Popen([sys.executable, "-c", WAIT], start_new_session=True)
    try:
        process = {"pid": other.pid, "since": "1@an-earlier-boot"}
        (run / "process.json").write_text(json.dumps({"supervisor": process, "command": process}))
        assert trainer.look(str(tmp_path)).state == "lost"
        trainer.cancel(str(tmp_path))
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_folder_that_is_gone_is_lost(tmp_path):
    assert python("pass").look(str(tmp_path / "none")).state == "lost"


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        (["homeostat: progress 0.25", "epoch 2"], 0.25),
        (['{"progress": 0.5, "loss": 1}', "x"], 0.5),
        (["homeostat: progress 0.25", "homeostat: progress 7"], 0.25),
        (["homeostat: progress e", "{", '{"progress": true}', "[1]"], None),
    ],
)
def test_how_far_it_is(lines, share):
    assert share_of(tuple(lines)) == share


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "trainer.type: is missing"),
        ({"type": "comand"}, "trainer.type: 'comand' is no trainer"),
        ({"type": "command", "argv": "train"}, "trainer.argv"),
        ({"type": "command", "argv": []}, "trainer.argv: needs a program"),
        ({"type": "command", "argv": ["a"], "cwd": "/no/such"}, "trainer.cwd"),
        ({"type": "command", "argv": ["a"], "grace": 60.0}, "grace"),
        ({"type": "command", "argv": ["a"], "environment": {"HOMEOSTAT_ORDER": "x"}}, "is set for"),
        ({"type": "function", "function": "train"}, 'must be like "module:name"'),
    ],
)  # fmt: skip
def test_what_a_table_cannot_say(table, problem):
    with pytest.raises(ConfigError, match=problem):
        trainer_of(table)


TRAIN = """
import numpy as np
from pathlib import Path
def good(order):
    Path(order.folder, "m").write_text("1")
    version = f"{order.job}.{order.token}"
    return {"artifact": "m", "version": version, "metrics": {"auc": np.float64(0.5)}}
def typed(order):
    from homeostat.lifecycle import Trained
    return Trained(artifact="models:/churn/3")
def none(order): pass
def raises(order): raise ValueError("no data")
"""


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [("good", "succeeded", ""), ("typed", "succeeded", ""), ("none", "failed", "returned None"),
     ("raises", "failed", "ValueError: no data"), ("absent", "failed", "AttributeError")],
)  # fmt: skip
def test_functions(tmp_path, name, state, said):
    (tmp_path / "train_it.py").write_text(TRAIN)
    trainer = trainer_of(
        {"type": "function", "function": f"train_it:{name}", "path": [str(tmp_path)]}
    )
    progress = ended(trainer, trainer.begin(order(tmp_path / "job")))
    assert progress.state == state, progress
    assert said in progress.problem
    if name == "good":
        assert progress.result.version == "churn-7.1"


LAWS = list(trainer_laws(python("import os, signal\n" + told("{}")), python(WAIT)))


@pytest.mark.parametrize("law", LAWS, ids=[law.name for law in LAWS])
def test_laws(law):
    law()
