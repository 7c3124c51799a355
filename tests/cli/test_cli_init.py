import tomllib

import pytest

from homeostat import config
from homeostat.cli.init import _SECTIONS
from homeostat.plugins import TABLE, load


def test_the_file_holds_exactly_the_defaults(homeostat):
    result = homeostat("init")
    assert result.exit_code == 0
    assert "Wrote homeostat.toml" in result.stdout
    written, default = config.load_file("homeostat.toml"), config.default()
    assert written.engine().spec() == default.engine().spec()
    assert (written.labels, written.unknown) == (default.labels, default.unknown)


@pytest.mark.parametrize("kind", TABLE)
def test_every_plugin_is_listed_with_every_setting(homeostat, kind):
    import inspect

    entries = homeostat("init", "-").stdout.split("\n\n")
    for name in TABLE[kind]:
        head = f'# {_SECTIONS[kind]}\n# type = "{name}"\n'
        [entry] = [text for text in entries if head in text]
        for parameter in inspect.signature(load(kind, name)).parameters:
            assert f"# {parameter} = " in entry


def test_the_listed_settings_are_toml(homeostat):
    text = homeostat("init", "-").stdout.partition("# ---")[2]
    for line in text.splitlines()[4:]:
        setting = line.removeprefix("# ")
        if line.startswith("#   ") or not setting or "..." in setting:
            continue
        tomllib.loads(setting)


def test_nothing_is_overwritten_without_force(homeostat, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    result = homeostat("init", path)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "pass --force" in result.stderr
    assert homeostat("init", path, "--force").exit_code == 0
    assert path.read_text() != "mine"


def test_a_directory_gets_the_file_and_no_directory_an_error(homeostat, tmp_path):
    assert homeostat("init", tmp_path).exit_code == 0
    assert (tmp_path / "homeostat.toml").exists()
    result = homeostat("init", tmp_path / "none" / "x.toml")
    assert result.exit_code == 2
    assert "No such file" in result.stderr


def test_what_it_says_to_run_works(homeostat, tmp_path, line):
    homeostat("init", "conf.toml")
    (tmp_path / "in.jsonl").write_text(line())
    assert homeostat("run", "in.jsonl", "--config", "conf.toml").exit_code == 0
