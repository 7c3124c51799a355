import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

import homeostat as package
from homeostat.cli.group import COMMANDS

THERE = [name for name in COMMANDS if find_spec(COMMANDS[name][0].partition(":")[0])]


def python(code, *args):
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)


def test_help_lists_every_command(homeostat):
    out = homeostat("--help").stdout
    for name, (_, short) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(short)}$", out, re.MULTILINE)


@pytest.mark.parametrize("name", THERE)
def test_every_command_has_help_that_fits_a_terminal(homeostat, name):
    result = homeostat(name, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 90


def test_run_help_documents_every_exit_status(homeostat):
    out = homeostat("run", "--help").stdout
    listed = re.findall(r"^    (\d+) +\S", out.partition("Exit status")[2], re.MULTILINE)
    assert listed == ["0", "1", "2", "3", "4", "130", "141", "143"]


def test_the_version(homeostat):
    assert homeostat("--version").stdout == f"homeostat, version {package.__version__}\n"


def test_an_unknown_command_is_a_usage_error(homeostat):
    result = homeostat("rnu")
    assert result.exit_code == 2
    assert "did you mean 'run'?" in result.stderr


def test_help_imports_no_command_and_the_library_no_command_line():
    code = """
import sys
import homeostat
assert not {"click", "rich", "pyarrow", "zstandard"} & set(sys.modules)
from homeostat.cli.group import cli
cli(["--help"], standalone_mode=False)
loaded = {name for name in sys.modules if name.startswith(("homeostat.cli.", "homeostat.sources"))}
assert loaded == {"homeostat.cli.group"}, loaded
assert not {"rich", "pyarrow", "zstandard"} & set(sys.modules)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("absent", ["click", "rich"])
def test_without_the_extra_the_error_holds_the_line_that_installs_it(tmp_path, line, absent):
    path = tmp_path / "in.jsonl"
    path.write_text(line())
    code = f"import sys; sys.modules[{absent!r}] = None\nfrom homeostat.cli import main\nmain()"
    done = python(code, "run", str(path), "--output", "table")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        f"Error: The command line needs the package {absent!r}, which is not installed; "
        'run: pip install "homeostat[cli]"'
    ]


@pytest.mark.parametrize("absent", [("pyarrow", "frames"), ("zstandard", "cli")])
def test_a_missing_reader_names_its_extra(tmp_path, line, absent):
    package, extra = absent
    path = tmp_path / "in"
    path.write_bytes(b"PAR1...." if package == "pyarrow" else b"\x28\xb5\x2f\xfd....")
    code = f"import sys; sys.modules[{package!r}] = None\nfrom homeostat.cli import main\nmain()"
    done = python(code, "run", str(path))
    assert done.returncode == 2
    assert f'pip install "homeostat[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demonstration_without_its_extra_names_it():
    done = python(
        "import sys; sys.modules['pandas'] = None\nfrom homeostat.cli import main\nmain()", "demo"
    )
    assert done.returncode == 2
    assert "needs the package 'pandas'" in done.stderr
    assert 'pip install "homeostat[demo]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "homeostat", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"homeostat, version {package.__version__}\n"
