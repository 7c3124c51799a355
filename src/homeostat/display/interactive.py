"""Figures of Plotly in our colours; Plotly is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homeostat.display.markup import short
from homeostat.display.palette import LIGHT, SERIES
from homeostat.errors import MissingExtra


def graph_objects() -> Any:
    """Plotly's module of figures and traces; raises MissingExtra without it."""
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingExtra("plot", "plotly", ".plot()") from error
    return go


_GRID, _LINE = "rgba(128,140,155,.22)", "rgba(128,140,155,.6)"


def figure(title: str, *, height: int = 360, **layout: Any) -> Any:
    """An empty figure: quiet grid, colours that all people tell apart.

    Its background is clear, and its greys stand on light and on dark.
    """
    return _dressed(graph_objects().Figure(), title, height, layout)


def grid(
    titles: Sequence[str], across: int, title: str, *, each: int = 210, **settings: Any
) -> Any:
    """An empty figure of several drawings, one for each title, row by row."""
    graph_objects()  # says at once that Plotly is missing
    from plotly.subplots import make_subplots

    down = -(-len(titles) // across)
    layout: dict[str, Any] = {
        name: settings.pop(name) for name in ("barmode", "bargap") if name in settings
    }
    shown = [f"<b>{plain(short(each, 48))}</b>" for each in titles]
    made = make_subplots(rows=down, cols=across, subplot_titles=shown,
                         vertical_spacing=0.32 / down, **settings)  # fmt: skip
    made.update_annotations(font={"size": 12, "color": _INK})
    return _dressed(made, title, 120 + each * down, layout)


_INK = "#7a8694"


def _dressed(made: Any, title: str, height: int, layout: dict[str, Any]) -> Any:
    axis = {"gridcolor": _GRID, "zerolinecolor": _GRID, "linecolor": _LINE, "automargin": True,
            "ticks": ""}  # fmt: skip
    made.update_layout(
        template="none",
        height=height,
        colorway=list(SERIES),
        hovermode="closest",
        title={"text": plain(title), "x": 0, "xref": "paper", "font": {"size": 15}},
        font={
            "family": "system-ui, -apple-system, Segoe UI, Roboto, Arial, sans-serif",
            "color": _INK,
            "size": 12,
        },
        margin={"l": 56, "r": 20, "t": 76, "b": 64},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={
            "orientation": "h",
            "yanchor": "top",
            "yref": "container",
            "y": 26 / height,
            "x": 0,
        },
    )
    made.update_xaxes(**axis, showgrid=False, showline=True)
    made.update_yaxes(**axis)
    made.update_layout(**layout)
    return made


def plain(text: str) -> str:
    """A text of which Plotly reads nothing as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def forest(names: list[str], rows: list[tuple[float, float, float]], bad: list[bool], title: str,
           axis: str, zero: float = 0.0) -> Any:  # fmt: skip
    """Values with their intervals, one below another, beside the line they are compared with."""
    go = graph_objects()
    made = figure(title, height=130 + 26 * len(names))
    values = [value for value, *_ in rows]
    made.add_trace(go.Scatter(
        x=values, y=[plain(name) for name in names], mode="markers",
        marker={"size": 9, "color": [LIGHT["bad"] if each else LIGHT["now"] for each in bad],
                "symbol": ["diamond" if each else "circle" for each in bad]},
        error_x={"type": "data", "symmetric": False, "thickness": 2, "width": 0, "color": _LINE,
                 "array": [high - value for value, _, high in rows],
                 "arrayminus": [value - low for value, low, _ in rows]},
        hovertemplate="%{y}: %{x:.4g}<extra></extra>", showlegend=False,
    ))  # fmt: skip
    made.add_vline(x=zero, line_color=_LINE, line_dash="dot")
    made.update_xaxes(title_text=axis)
    made.update_yaxes(autorange="reversed", type="category")
    return made
