"""The bar of what takes its time: on a terminal alone, and gone when it is over."""

import io
import sys

from homeostat.cli.waiting import waiting


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_told_what_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with waiting("folding [again]"):
        pass
    assert "folding [again]" in sys.stderr.getvalue()


def test_a_pipe_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with waiting("folding"):
        pass
    assert sys.stderr.getvalue() == ""
