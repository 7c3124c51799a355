"""The style sheet of a whole page, beside that of views: reads on a screen, prints on A4."""

from __future__ import annotations

RULES = """
html{background:#eef1f4}
@media screen and (prefers-color-scheme:dark){html{background:#0b1015}}
body{margin:0;padding:24px 16px 48px}
.hs.hs-page{max-width:1060px;margin:0 auto;padding:34px 44px 30px;border-radius:12px;font-size:14px}
.hs .hs-over{color:var(--hs-quiet);font-size:12.5px;margin:0 0 6px;display:flex;
justify-content:space-between;gap:16px;flex-wrap:wrap}
.hs h1{font-size:26px;line-height:1.2;letter-spacing:-.02em;margin:0 12px 0 0;font-weight:680;
overflow-wrap:anywhere}
.hs .hs-top{display:flex;flex-wrap:wrap;align-items:center;gap:6px 0;margin:0 0 14px}
.hs .hs-top .hs-badge{font-size:13.5px;padding:3px 12px 3px 10px}
.hs .hs-lede{font-size:17px;line-height:1.5;margin:0 0 4px;max-width:62em;text-wrap:pretty}
.hs .hs-more{color:var(--hs-ink);font-size:14.5px;line-height:1.55;margin:0 0 2px;max-width:66em}
.hs .hs-tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;
margin:20px 0 6px}
.hs .hs-tile{background:var(--hs-wash);border-radius:8px;padding:11px 14px 10px}
.hs .hs-tile dt{font-size:12px;color:var(--hs-quiet);margin:0}
.hs .hs-tile dd{margin:1px 0 0;font-size:22px;font-weight:640;letter-spacing:-.02em;
font-variant-numeric:tabular-nums;line-height:1.25}
.hs .hs-tile small{display:block;font-size:12px;font-weight:400;letter-spacing:0;
color:var(--hs-quiet);line-height:1.35}
.hs section{margin:30px 0 0}
.hs h2{font-size:17px;letter-spacing:-.01em;margin:0 0 4px;font-weight:650}
.hs h3{font-size:14px;margin:18px 0 2px;font-weight:620}
.hs h3 .hs-sub{font-weight:400;font-size:12.5px;margin-left:6px}
.hs .hs-pair .hs-sub{font-size:12.5px;margin:0 0 4px;line-height:1.35}
.hs .hs-intro{color:var(--hs-quiet);margin:0 0 10px;max-width:66em}
.hs .hs-chart{margin:10px 0 0}
.hs .hs-chart svg{width:100%}
.hs .hs-pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:18px 24px;
margin:12px 0 4px}
.hs .hs-pair h3{margin:0 0 1px;overflow-wrap:anywhere}
.hs .hs-pair svg{width:100%}
.hs .hs-story{border-left:2px solid var(--hs-line);padding:0 0 2px 14px;margin:14px 0 0}
.hs .hs-story ol{margin:4px 0 0;padding:0;list-style:none}
.hs .hs-story li{display:grid;grid-template-columns:11.5em 1fr;gap:12px;padding:2px 0}
.hs .hs-story time{white-space:nowrap;color:var(--hs-quiet);font-variant-numeric:tabular-nums;
font-size:12.5px}
.hs footer{margin:34px 0 0;padding:12px 0 0;border-top:1px solid var(--hs-line);
color:var(--hs-quiet);font-size:12px}
@media (max-width:640px){body{padding:0}.hs.hs-page{border:0;border-radius:0;padding:20px 16px}
.hs .hs-story li{grid-template-columns:1fr;gap:0}.hs table.hs-table{display:block;overflow-x:auto}
.hs .hs-table th,.hs .hs-table td{overflow-wrap:normal}}
@page{size:A4;margin:15mm 14mm}
@media print{html{background:#fff}body{padding:0}.hs.hs-page{padding:0;font-size:11.5px}
.hs section{margin-top:20px}.hs .hs-table{font-size:10.5px}.hs .hs-table th,.hs .hs-table td{
padding-right:6px}.hs .hs-lede{font-size:14px}.hs .hs-more{font-size:12px}.hs h1{font-size:22px}
.hs .hs-tile,.hs .hs-badge,.hs svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.hs tr,.hs .hs-chart,.hs .hs-pair,.hs .hs-tile,.hs .hs-story li{break-inside:avoid}
.hs h2,.hs h3,.hs .hs-cap,.hs .hs-intro,.hs .hs-key{break-after:avoid}
.hs .hs-tiles{grid-template-columns:repeat(auto-fit,minmax(90px,1fr))}.hs thead{
display:table-header-group}}
""".replace("\n", "")
