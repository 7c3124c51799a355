"""Every block of code in the README and the docs: run, or checked as far as it can be here.

Python runs, in order, each file in one namespace; so does all of `start.md`, shell included.
Configurations are loaded, commands parsed, manifests checked. A block that cannot be has the line
`<!-- not run: why -->` before it.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pytest
import yaml

import homeostat as hs
from homeostat import fleet
from homeostat.backtest.settings import parse as plan
from homeostat.cli.configuration import _check_service
from homeostat.cli.group import cli
from homeostat.comparison import ENGINES, as_table
from homeostat.errors import HomeostatError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?^(?P<indent> *)```(?P<language>\w*)\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
CHECKED = ("python", "toml", "sh", "console", "yaml", "json")
LANGUAGES = (*CHECKED, "text")
START = ROOT / "docs" / "start.md"


class Block(NamedTuple):
    """One block of code, and where it stands."""

    page: Path
    line: int
    language: str
    text: str
    why: str | None

    @property
    def name(self):
        """The page, from the root, and the line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page):
    """All of a page, in order."""
    text = page.read_text()
    return [
        Block(
            page,
            text[: found.start("text")].count("\n"),
            found["language"],
            textwrap.dedent(found["text"]),
            found["why"],
        )
        for found in FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks(page)]


def checked(*languages):
    """A parameter for each block of a language that is to be checked."""
    return [
        pytest.param(block, id=block.name)
        for block in BLOCKS
        if block.language in languages and block.why is None
    ]


WITH_PYTHON = [
    pytest.param(page, id=str(page.relative_to(ROOT)))
    for page in PAGES
    if page != START and any(b.language == "python" and not b.why for b in blocks(page))
]


def run_python(block, namespace):
    """Run a block, so that a traceback tells the line of the page."""
    code = compile("\n" * block.line + block.text, str(block.page), "exec")
    exec(code, namespace)


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_code_in_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "__docs__"}
    for block in blocks(page):
        if block.language == "python" and not block.why:
            run_python(block, namespace)
    printed = capsys.readouterr().out.splitlines()
    for told in re.findall(r"^print\(.+\)  # (as \w+: .+)$", page.read_text(), re.MULTILINE):
        assert any(line.startswith(told) for line in printed), f"the page says {told!r}"


def test_every_block_says_what_it_is():
    unknown = [block.name for block in BLOCKS if block.language not in LANGUAGES]
    assert unknown == [], f"write one of {', '.join(LANGUAGES)} behind the ```"


def test_what_does_not_run_is_little_and_has_a_reason():
    left = [block for block in BLOCKS if block.why is not None]
    assert all(len(block.why) > 10 and block.language in CHECKED for block in left)
    assert len(left) <= 20
    assert Counter(block.language for block in left)["python"] <= 8


def test_no_fence_is_missed():
    """A fence that is never closed, or is written in another way, would hide what follows."""
    for page in PAGES:
        fences = re.findall(r"^ *```|^ *~~~", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), page


# Ten minutes --------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def shell(text, **more):
    """A block of shell, with our own commands first on the path; ends at the first that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", text], env={**os.environ, "PATH": path, "no_proxy": "*"},
        capture_output=True, text=True, timeout=120, **more,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
def test_the_ten_minutes_run_as_they_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port, namespace, served, told = str(free_port()), {"__name__": "__docs__"}, None, []
    try:
        for block in blocks(START):
            text = block.text.replace("8321", port)
            if block.language == "python":
                run_python(block, namespace)
            elif block.language == "toml":
                Path("homeostat.toml").write_text(text)
            elif text.startswith("homeostat serve"):
                served = serving(text.strip(), port)
            elif block.language == "sh" and not text.startswith("pip "):
                done = shell(text)
                assert done.returncode == 0, done.stderr
                told.append(done.stdout)
    finally:
        if served is not None:
            served.send_signal(signal.SIGTERM)
            served.wait(60)
            served.stdout.close()
    first, checked_, sent, state = told
    assert json.loads(first)["records"]["monitored"] == 20_000
    assert '"recall"' in checked_
    assert [json.loads(each)["accepted"] for each in objects(sent)] == [5_000] * 4
    status, *events = objects(state)
    assert json.loads(status)["records"] == 20_000
    assert [json.loads(each)["kind"] for each in events].count("DriftDetected") == 2


def objects(text):
    """JSON objects that stand behind one another."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end])
        at = end
    return found


def serving(command, port):
    """The service of the page in a process of its own, when it has told its address."""
    words = shlex.split(command)
    process = subprocess.Popen(
        [sys.executable, "-m", *words, "--port", port], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("homeostat serves"):
            return process
    raise AssertionError("the service did not start")


# Configurations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", checked("toml"))
def test_a_configuration_is_one(block, tmp_path, monkeypatch):
    """It is loaded as the service would; secrets are set, and the files it names are there."""
    monkeypatch.chdir(tmp_path)
    provide(block.text, monkeypatch)
    given = tomllib.loads(block.text)
    if "backtest" in given or "strategies" in given:
        plan(block.text, block.name)
    given = {name: table for name, table in given.items() if name not in ("backtest", "strategies")}
    for holder in (given, *given.get("models", {}).values()):
        if "retraining" in holder:  # a page shows a part of it at a time
            holder["retraining"].setdefault("trainer", {"type": "command", "argv": ["true"]})
    _check_service(fleet.of(given, block.name))


def provide(text, monkeypatch):
    """What a configuration asks for beside itself: variables, files, references."""
    for name in re.findall(r"env:(\w+)", text):
        monkeypatch.setenv(name, "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
    for name in re.findall(r'"file:([^"]+)"', text):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("secret")
    for name in re.findall(r'reference = "([^"]+)"', text):
        hs.Reference.fit({"x": np.arange(100.0)}).save(name)


# Commands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", checked("sh", "console"))
def test_a_command_is_one(block):
    """The shell can read it; commands of ours exist, with these options and arguments."""
    text = commands(block)
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for words in ours(text):
        parse(words)


def commands(block):
    """What is typed; of a console, what stands behind the prompt."""
    if block.language == "sh":
        return block.text
    lines = re.sub(r"\\\n +", " ", block.text).splitlines()
    return "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))


def ours(text):
    """The words of each command that is homeostat's."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        try:
            words = list(lexer)
        except ValueError:  # a text over several lines, of another command
            continue
        found += [part for part in simple(words) if part and part[0] == "homeostat"]
        found += [within(part) for part in simple(words) if part[:2] == ["docker", "compose"]]
    return [words for words in found if words]


def within(words):
    """The command of ours that `docker compose run` or `exec` starts in the container."""
    if words[2] not in ("run", "exec") or "homeostat" not in words:
        return []
    inside = words[words.index("homeostat") + 1 :]  # behind the name of the service
    if words[2] == "run":  # the image begins with the command itself
        return ["homeostat", *inside]
    return inside if inside[0] == "homeostat" else []


def simple(words):
    """Words between pipes, semicolons and the like, without what is redirected."""
    parts, skip = [[]], False
    for word in words:
        if skip:
            skip = False
        elif set(word) <= set("|&;"):
            parts.append([])
        elif set(word) <= set("<>"):
            skip = True
        else:
            parts[-1].append(word)
    return parts


def parse(words):
    """Find the command, and let it read its options; nothing is run."""
    command, rest = cli, words[1:]
    context = click.Context(command, info_name="homeostat")
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"homeostat has no command {rest[0]!r}"
        command, rest = found, rest[1:]
        context = click.Context(command, parent=context, info_name=words[1])
    if not isinstance(command, click.Group):
        command.make_parser(context).parse_args(list(rest))


def test_a_wrong_command_would_be_found():
    with pytest.raises(AssertionError, match="servee"):
        parse(["homeostat", "servee"])
    with pytest.raises(click.exceptions.NoSuchOption):
        parse(["homeostat", "serve", "--prot", "1"])
    assert ours("docker compose exec homeostat homeostat token list") == [
        ["homeostat", "token", "list"]
    ]
    assert ours("cat x | homeostat run - --strict && ls > homeostat") == [
        ["homeostat", "run", "-", "--strict"]
    ]


def test_a_wrong_configuration_would_be_found():
    with pytest.raises(HomeostatError, match="windw"):
        fleet.of(tomllib.loads('[[metrics]]\ntype = "accuracy"\nwindw = 3'), "page")


# Other texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", checked("json"))
def test_json_is_json(block):
    for line in [block.text] if block.text.lstrip()[0] == "{" else block.text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("block", checked("yaml"))
def test_yaml_is_yaml_and_manifests_are_known(block, tmp_path):
    documents = list(yaml.safe_load_all(block.text))
    assert documents
    for each in documents:
        version = each.get("apiVersion", "")
        if isinstance(version, str) and version and not version.startswith("kustomize."):
            validate(each, tmp_path)


def validate(manifest, folder):
    """By the schemas of Kubernetes."""
    found = shutil.which("kubernetes-validate", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("kubernetes-validate is not there: pip install '.[linters]'")
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(manifest))
    done = subprocess.run([found, "--strict", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_the_page_of_another_engine_has_the_names_that_the_code_has(engine):
    name = {"alibi_detect": "alibi-detect"}.get(engine, engine)
    page = (ROOT / "docs" / "migrate" / f"{name}.md").read_text()
    table = as_table(engine)
    assert table in page, f"put this into docs/migrate/{name}.md:\n\n{table}"


def test_the_page_of_whylogs_has_the_constraints_that_the_code_has():
    from homeostat.constraints import as_table

    table = as_table()
    page = (ROOT / "docs" / "migrate" / "whylogs.md").read_text()
    assert table in page, f"put this into docs/migrate/whylogs.md:\n\n{table}"


# What pages say of the code -----------------------------------------------------------------------


def test_every_registered_name_is_documented():
    from homeostat.plugins import TABLE

    page = (ROOT / "docs" / "plugins.md").read_text()
    missing = [name for kind in TABLE.values() for name in kind if f"`{name}`" not in page]
    assert not missing


def test_nothing_names_a_path_of_one_machine():
    for page in PAGES:
        assert not re.search(r"/(work|root|tmp|home)/", page.read_text()), page


def test_the_tests_behind_the_promises_exist():
    page = (ROOT / "docs" / "promises.md").read_text()
    named = re.findall(r"`(tests/[\w/.]+)`", page)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
