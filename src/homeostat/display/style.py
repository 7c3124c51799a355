"""The style sheet: scoped to our own elements, light and dark, on a screen and on paper."""

from __future__ import annotations

from functools import cache

from homeostat.display.palette import DARK, LIGHT

_DARK_PLACES = (
    '[data-jp-theme-light="false"] .hs',
    ".vscode-dark .hs",
    ".vscode-high-contrast .hs",
    "html[theme=dark] .hs",
    '[data-theme="dark"] .hs',
)
_LIGHT_PLACES = ('[data-jp-theme-light="true"] .hs', ".vscode-light .hs", "html[theme=light] .hs")
"""How notebooks say which of the two they are, whatever the system says."""

_RULES = """
.hs{background:var(--hs-paper);color:var(--hs-ink);font:13px/1.45 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,
sans-serif;border:1px solid var(--hs-line);border-radius:8px;
padding:14px 16px 12px;margin:2px 0;max-width:1080px;text-align:left;overflow-x:auto;
box-sizing:border-box}
.hs *{box-sizing:border-box}
.hs .hs-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 10px;margin:0 0 10px}
.hs .hs-title{font-size:15px;font-weight:650;letter-spacing:-.01em}
.hs .hs-sub{color:var(--hs-quiet)}
.hs .hs-cap{font-size:11px;font-weight:600;letter-spacing:.05em;text-transform:uppercase;
color:var(--hs-quiet);margin:14px 0 2px}
.hs p{margin:0 0 8px;color:inherit}
.hs ul{margin:4px 0 0;padding-left:18px}
.hs .hs-note{color:var(--hs-quiet);font-size:12px;margin:8px 0 0}
.hs table.hs-table{border-collapse:collapse;border:0;margin:0;width:100%;font-size:12.5px;
color:inherit;background:none;table-layout:auto}
.hs .hs-table th,.hs .hs-table td{border:0;border-bottom:1px solid var(--hs-line);
padding:5px 10px 5px 0;text-align:left;vertical-align:middle;background:none;color:inherit;
white-space:normal;max-width:340px;overflow-wrap:anywhere}
.hs .hs-table tr{background:none}
.hs .hs-table tbody tr:last-child>*{border-bottom:0}
.hs .hs-table td .hs-sub,.hs .hs-table th .hs-sub{font-size:11.5px;font-weight:400;line-height:1.35}
.hs .hs-table thead th,.hs .hs-table thead td{color:var(--hs-quiet);font-weight:500;
font-size:11.5px;vertical-align:bottom;white-space:nowrap}
.hs .hs-table tbody th{font-weight:550;min-width:130px}
.hs .hs-table .hs-num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.hs .hs-table .hs-num+:not(.hs-num){padding-left:12px}
.hs .hs-table .hs-fit{white-space:nowrap;width:1%}
.hs .hs-table tr.hs-bad th{box-shadow:inset 3px 0 var(--hs-bad);padding-left:9px}
.hs .hs-badge{display:inline-block;border-radius:999px;padding:1px 9px 1px 7px;font-size:12px;
font-weight:600;white-space:nowrap;line-height:1.5}
.hs .hs-sign{margin-right:5px;font-size:10px}
.hs .hs-good{color:var(--hs-good);background:var(--hs-good-wash)}
.hs .hs-warn{color:var(--hs-warn);background:var(--hs-warn-wash)}
.hs .hs-alarm{color:var(--hs-bad);background:var(--hs-bad-wash)}
.hs .hs-calm{color:var(--hs-quiet);background:var(--hs-wash)}
.hs .hs-facts{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:0 0 8px;
align-items:center}
.hs .hs-facts dt{color:var(--hs-quiet);margin:0;font-weight:400}
.hs .hs-facts dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.hs svg{display:block;overflow:visible;max-width:100%;height:auto}
.hs .hs-table svg,.hs dd svg{max-width:none}
.hs svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;
fill:var(--hs-quiet);font-variant-numeric:tabular-nums}
.hs svg .d-ink{fill:var(--hs-ink)}
.hs svg .d-strong{fill:var(--hs-ink);font-weight:600}
.hs svg .d-then{fill:var(--hs-then);fill-opacity:.38}
.hs svg .d-then-line{stroke:var(--hs-then);fill:none}
.hs svg .d-now{fill:var(--hs-now);fill-opacity:.55}
.hs svg .d-now-line{stroke:var(--hs-now);fill:none}
.hs svg .d-now-dot{fill:var(--hs-now);stroke:var(--hs-paper)}
.hs svg .d-band{fill:var(--hs-now);fill-opacity:.17}
.hs svg .d-usual{fill:var(--hs-good);fill-opacity:.10}
.hs svg .d-pending{fill:var(--hs-quiet);fill-opacity:.10}
.hs svg .d-grid{stroke:var(--hs-line);fill:none}
.hs svg .d-axis{stroke:var(--hs-quiet);stroke-opacity:.55;fill:none}
.hs svg .d-bad{fill:var(--hs-bad)}
.hs svg .d-bad-line{stroke:var(--hs-bad);fill:none}
.hs svg .d-good{fill:var(--hs-good)}
.hs svg .d-good-line{stroke:var(--hs-good);fill:none}
.hs svg .d-warn{fill:var(--hs-warn)}
.hs svg .d-warn-line{stroke:var(--hs-warn);fill:none}
.hs svg .d-track{fill:var(--hs-line)}
.hs .hs-key{display:flex;flex-wrap:wrap;gap:4px 16px;color:var(--hs-quiet);font-size:12px;
margin:0 0 4px}
.hs .hs-key svg{display:inline-block;vertical-align:-1px;margin-right:5px}
@media print{.hs{border:0;padding:0;max-width:none;overflow:visible}}
"""


@cache
def sheet() -> str:
    """Our rules, some 5 kB; nothing in them touches what is not ours."""
    dark, light = _tokens(DARK, "dark"), _tokens(LIGHT, "light")
    return "".join((
        f".hs{{{light}}}",
        f"@media screen and (prefers-color-scheme:dark){{.hs{{{dark}}}}}",
        f"@media screen{{{','.join(_LIGHT_PLACES)}{{{light}}}{','.join(_DARK_PLACES)}{{{dark}}}}}",
        _RULES.replace("\n", ""),
    ))  # fmt: skip


def _tokens(colours: dict[str, str], scheme: str) -> str:
    told = "".join(f"--hs-{name}:{colour};" for name, colour in colours.items())
    return f"{told}color-scheme:{scheme}"
