"""Nothing that is sent opens a file, starts a program, calls somebody or is run as code.

The real service runs under an audit hook, which sees all of that from within the interpreter.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from house import record
from live import CONFIG, Live

import homeostat
from homeostat.service.routes import TABLE

SENTINEL = "sentinel-of-homeostat"
HOOK = f'''
import os, sys

def seen(event, given):
    """Write down what leads out of the process, or to the sentinel."""
    told = " ".join(map(repr, given))[:300]
    leads_out = event in ("os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
                          "pickle.find_class", "shutil.rmtree")
    leads_out |= event == "subprocess.Popen" and "homeostat.service.reader" not in told
    if leads_out or ({SENTINEL!r} in told and event != "compile"):
        os.write(descriptor, f"{{event}} {{told}}\\n".encode())

descriptor = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(seen)
'''
RECORDS = (
    "model", "record_id", "model_version", "predicted_label", "ground_truth_label", "label",
    "metadata",
)  # fmt: skip
ACTS = ("model", "reason", "job", "version", "artifact", "sink", "until", "command", "env", "path")
ASKED = ("metric", "step", "start", "sink", "search", "sort", "version", "event", "after")


@pytest.fixture(scope="module")
def hooked(tmp_path_factory):
    """A service under the hook, and the file in which that writes."""
    home = tmp_path_factory.mktemp("reach")
    (home / "hook").mkdir()
    (home / "hook" / "sitecustomize.py").write_text(HOOK)
    (home / SENTINEL).write_text("of somebody else")
    environment = {"PYTHONPATH": str(home / "hook"), "SEEN": str(home / "seen")}
    live = Live(home, CONFIG, environment)
    yield live, environment
    live.close()


def seen(environment):
    return Path(environment["SEEN"]).read_text()


def leads(home):
    """Ways to say where the sentinel is, or what to do with it."""
    place = home / SENTINEL
    return [
        str(place), f"../{SENTINEL}", f"file://{place}", f"http://127.0.0.1:9/{SENTINEL}",
        f"$(cat {place})", f"cos\nsystem\n(S'cat {place}'\ntR.",
    ]  # fmt: skip


def bodies(path, lead):
    """What is sent to a route: the lead in each field, and as it is."""
    if path not in ("/v1/records", "/v1/labels"):
        return [json.dumps({name: lead}) for name in ACTS]
    inside = {"features": {lead: lead}, "metadata": {lead: lead}, "scores": {lead: 1.0}}
    parts = [inside, *({name: lead} for name in RECORDS)]
    return [lead, *(json.dumps(record() | part) for part in parts)]


def test_nothing_that_is_sent_leads_anywhere(hooked):
    live, environment = hooked
    before = seen(environment)
    headers = {"Authorization": f"Bearer {live.token}", "Content-Type": "application/json"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=30) as client:
        client.post("/v1/records", json=[record(n) for n in range(3)])
        for turn, lead in enumerate(leads(live.home)):
            for route in TABLE:
                path = route.path.replace("{model}", "default").replace("{job}", "default-1")
                if route.method == "GET":
                    asked = [{name: lead} for name in ASKED[turn % 3 :: 3]]
                    replies = [client.get(path, params=each) for each in asked]
                else:
                    replies = [client.post(path, content=each) for each in bodies(path, lead)]
                assert max(reply.status_code for reply in replies) < 500, (path, lead)
    assert seen(environment) == before
    assert live.alive()


@pytest.mark.parametrize(
    "code",
    [f"open({SENTINEL!r})", "import os; os.system('true')", "import os; os.fork() or os._exit(0)",
     "import subprocess; subprocess.run(['true'])",
     "import socket; socket.socket().connect_ex(('127.0.0.1', 9))",
     "import pickle; pickle.loads(b'cbuiltins\\nlen\\n.')"],
    ids=["open", "system", "fork", "program", "call", "pickle"],
)  # fmt: skip
def test_the_hook_sees_it(hooked, code):
    environment = hooked[1] | {"SEEN": hooked[1]["SEEN"] + "-itself"}
    told = Path(environment["SEEN"])
    told.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, check=False,
                   stderr=subprocess.DEVNULL)  # fmt: skip
    assert told.read_text() != ""


# What is not in the code at all -------------------------------------------------------------------

MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "xmlrpc"}
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen"}
SOURCE = Path(homeostat.__file__).parent


def taboo(tree):
    """Where a module makes code of data: (line, what)."""
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        yield from ((node.lineno, name) for name in names if name.partition(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in CALLS:
            yield node.lineno, called.id
        if isinstance(called, ast.Attribute) and (
            called.attr in ("system", "popen", "loads", "load")
            and isinstance(called.value, ast.Name)
            and called.value.id in {"os", "yaml", "torch", *MODULES}
        ):
            yield node.lineno, called.attr
        for given in node.keywords:
            on = isinstance(given.value, ast.Constant) and given.value.value is True
            if given.arg in ("shell", "allow_pickle") and on:
                yield node.lineno, given.arg


def test_no_module_makes_code_of_data():
    found = {
        f"{path.relative_to(SOURCE)}:{line}": what
        for path in SOURCE.rglob("*.py")
        for line, what in taboo(ast.parse(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "eval('1')", "subprocess.run('x', shell=True)",
     "np.load(f, allow_pickle=True)", "yaml.load(f)", "os.system('x')"],
    ids=range(7),
)  # fmt: skip
def test_one_that_does_would_be_found(code):
    assert list(taboo(ast.parse(code)))
