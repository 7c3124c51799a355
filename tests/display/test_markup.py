import re
from math import inf, nan

import pytest

from homeostat.display import numerals
from homeostat.display.drawing import sparkline, then_and_now, whisker
from homeostat.display.markup import Markup, joined, short, style, tag
from homeostat.display.palette import DARK, LIGHT
from homeostat.display.parts import Column, Row, badge, table, view
from homeostat.display.scale import moments, ticks
from homeostat.display.style import sheet

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x00\ud800'


def test_texts_and_attributes_are_escaped_wherever_they_stand():
    made = tag("td", HOSTILE, [HOSTILE, None, 3], title=HOSTILE)
    assert "<script" not in made
    assert "<img" not in made
    assert re.match(r'<td title="[^"<>]*">[^<>]*</td>$', made)
    assert not re.search("[\x00\u202e\ud800]", made)
    made.encode()


def test_markup_goes_through_and_plain_text_does_not():
    inner = tag("b", "x")
    assert tag("p", inner) == "<p><b>x</b></p>"
    assert tag("p", str.__add__(inner, "")) == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    assert joined("a<", Markup("<br>")) == "a&lt;<br>"


def test_attributes():
    assert tag("p", class_="a", aria_label="b", hidden=True, title=None, lang=False) == (
        '<p class="a" aria-label="b" hidden></p>'
    )
    assert tag("br") == "<br>"


@pytest.mark.parametrize("name", ["script", "a b", "a>", ""])
def test_elements_that_are_not_written(name):
    with pytest.raises(ValueError, match="no element"):
        tag(name)


@pytest.mark.parametrize("name", ["onclick", "ONload", "a b"])
def test_attributes_that_are_not_written(name):
    with pytest.raises(ValueError, match="no attribute"):
        tag("p", **{name: "x"})


def test_a_style_sheet_holds_no_markup():
    with pytest.raises(ValueError, match="no markup"):
        style("</style><script>")
    assert "</" not in sheet()


def test_the_sheet_touches_nothing_that_is_not_ours():
    rules = re.sub(r"@media[^{]*\{", "", sheet())
    for selector in re.findall(r"(?:^|[{}])([^{}@]+)\{", rules):
        assert all(".hs" in part for part in selector.split(",")), selector


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(a * b for a, b in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def _contrast(a, b):
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme):
    colours = {"light": LIGHT, "dark": DARK}[theme]
    for name in ("ink", "quiet", "good", "warn", "bad", "now"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("good", "warn", "bad"):
        assert _contrast(colours[name], colours[f"{name}-wash"]) >= 4.5, name
    for name in ("ink", "quiet"):
        assert _contrast(colours[name], colours["wash"]) >= 4.5, name
    assert _contrast(colours["then"], colours["paper"]) >= 2.5


def test_light_and_dark_name_the_same_colours():
    assert LIGHT.keys() == DARK.keys()


def test_a_state_is_told_by_a_word_and_a_sign():
    assert ">drift</span>" in badge("alarm", "drift")
    assert "▲" in badge("alarm", "drift")


def test_a_table_says_what_it_leaves_out():
    made = table([Column("name", "name"), Column("n")], [Row(("a", "1"), bad=True)], 7)
    assert "... and 7 more" in made
    assert 'scope="row"' in made
    assert 'class="hs-bad"' in made


def test_a_view_needs_nothing_from_elsewhere():
    made = view("T", None, "s", sparkline([1.0, None, nan, 2.0], "t"))
    assert "<script" not in made
    assert not re.search(r"(src|href|url\()", made)
    assert set(re.findall(r"https?://[^\s\"']+", made)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("values", [[], [None], [nan, nan], [1.0], [1.0, inf, 2.0], [3.0] * 5])
def test_sparklines_of_odd_values(values):
    made = sparkline(values, "a title")
    assert "<title>a title</title>" in made
    assert "nan" not in made
    assert "inf" not in made


def test_drawings_of_nothing():
    assert "nan" not in then_and_now((), (), "t")
    assert "nan" not in then_and_now((0.0, 0.0), (), "t")
    assert "nan" not in whisker(nan, nan, nan, (-1.0, 1.0), "t")


@pytest.mark.parametrize(
    ("value", "told"),
    [(nan, "–"), (None, "–"), (inf, "∞"), (-inf, "−∞"), (0.0, "0"), (-1.5, "−1.5"),
     (1234.5678, "1,235"), (0.00001234, "1.234e−05"), (123456789.0, "1.235e+08"), (12, "12")],
    ids=str,
)  # fmt: skip
def test_numbers(value, told):
    assert numerals.number(value) == told


def test_other_numerals():
    assert numerals.share(0.1234) == "12.3 %"
    assert numerals.share(nan) == "–"
    assert numerals.share(0.00001) == "<0.1 %"
    assert numerals.signed(0.5) == "+0.5"
    assert numerals.signed(-0.5) == "−0.5"
    assert numerals.probability(1e-300) == "<1e−16"
    assert numerals.interval(nan, nan) == ""
    assert numerals.count(12345) == "12,345"


def test_ticks_are_round_and_within():
    assert ticks(0.0, 1.0) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert ticks(81.3, 99.2) == [85.0, 90.0, 95.0]
    assert ticks(1.0, 1.0) == []
    assert ticks(nan, 1.0) == []


DAY = 86_400_000


@pytest.mark.parametrize("days", [0.01, 0.3, 1, 7, 30, 200, 1000])
def test_times_on_an_axis(days):
    end = 1_772_323_200_000
    found = moments(int(end - days * DAY), end)
    assert 2 <= len(found) <= 12
    assert all(end - days * DAY <= at <= end for at, _ in found)
    assert len({at for at, _ in found}) == len(found)


def test_long_texts_are_cut():
    assert short("a\n b" + "c" * 100, 10) == "a bcccccc…"
