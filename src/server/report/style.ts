/** The style sheet of the page. Dark mode only changes the colour variables. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c2128; --soft: #59636e; --faint: #6b7480; --line: #e3e6ea; --panel: #f6f7f9; --hover: #0000000a; --link: #1f5a9e;
  --m0: #2f6db5; --m1: #e08a2b; --m2: #3a9a86; --m3: #c4527a; --m4: #8467c2; --m5: #a39432; --other: #a9b0b9;
  --good: #3a9a6c; --bad: #cf4a45; --part: #e0a82b; --run: #2f6db5;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --ink: #e4e8ee; --soft: #a2abb6; --faint: #7b8591; --line: #2b313a; --panel: #1b2027; --hover: #ffffff12; --link: #84b6f2;
    --m0: #6aa3e8; --m1: #efa65a; --m2: #5cc0ab; --m3: #e17d9f; --m4: #ae96e6; --m5: #c9ba5e; --other: #69727d;
    --good: #5cbf8c; --bad: #e9736e; --part: #ebc05c; --run: #6aa3e8;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 3rem; max-width: 68rem; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif;
}
h1, h2, p, dl, dd, ul { margin: 0; padding: 0; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.02em; font-weight: 650; }
h2 { font-size: 1.2rem; line-height: 1.3; letter-spacing: -0.01em; font-weight: 650; margin-bottom: 0.9rem; }
.database { color: var(--soft); font-weight: 600; overflow-wrap: anywhere; }
.span { margin-top: 0.35rem; color: var(--soft); font-size: 1.05rem; }
.zone::before { content: "· "; }
.filters { list-style: none; display: flex; flex-wrap: wrap; gap: 0.4rem; margin-top: 0.8rem; }
.filters li { border: 1px solid var(--line); background: var(--panel); border-radius: 99px; padding: 0.1rem 0.7rem; overflow-wrap: anywhere; }
section { margin-top: 3rem; }
h3 { font-size: 1rem; line-height: 1.35; font-weight: 650; margin: 0; }
a { color: var(--link); text-decoration: none; }
a:hover, p a, caption a, li a, .csv { text-decoration: underline; }
nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin-top: 1rem; font-size: 0.87rem; }
.verdict { margin-top: 1.4rem; padding: 0.7rem 1rem; border-left: 4px solid var(--faint); background: var(--panel); overflow-wrap: anywhere; }
.verdict.good { border-color: var(--good); }
.verdict.bad { border-color: var(--bad); }
.part { margin-top: 2rem; }
.part .note { margin-top: 0.25rem; }
.part .scroll { margin-top: 0.6rem; }
code { font: 0.88em ui-monospace, "SF Mono", Menlo, Consolas, monospace; white-space: nowrap; user-select: all; -webkit-user-select: all; }
.note code { white-space: normal; overflow-wrap: anywhere; }
.time { white-space: nowrap; }
:target { scroll-margin-top: 1rem; }
tr:has(:target) { background: var(--panel); }
.bill { border-top: 1px solid var(--line); margin: 0; }
.bill summary { width: auto; padding: 0.55rem 0; color: var(--ink); font-size: 0.95rem; overflow-wrap: anywhere; }
.bill .sums { color: var(--soft); }
.bill > div { padding: 0.3rem 0 1.4rem; }
.selected { display: none; }
:target .selected { display: inline; }
.headline { display: grid; grid-template-columns: 1.5fr 1fr 1fr 1.3fr; margin-top: 1.8rem; border-block: 1px solid var(--line); }
.headline > div { padding: 1rem 1.2rem; border-left: 1px solid var(--line); min-width: 0; }
.headline > div:first-child { padding-left: 0; border-left: 0; }
dt { color: var(--soft); font-size: 0.87rem; }
.value { font-size: 1.6rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.about { color: var(--soft); font-size: 0.83rem; line-height: 1.4; overflow-wrap: anywhere; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin-bottom: 0.6rem; font-size: 0.87rem; color: var(--soft); }
.legend li { overflow-wrap: anywhere; }
.key { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 2px; margin-right: 0.45em; }
.chart svg { display: block; width: 100%; height: auto; overflow: visible; }
.chart .narrow { display: none; }
.rule { stroke: var(--line); }
.zero { stroke: var(--faint); stroke-width: 0.8; }
.tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.room { fill: transparent; }
g:hover > .room { fill: var(--hover); }
.chart g rect:not(.room) { stroke: var(--paper); stroke-width: 0.5; }
.m0 { fill: var(--m0); background: var(--m0); } .m1 { fill: var(--m1); background: var(--m1); }
.m2 { fill: var(--m2); background: var(--m2); } .m3 { fill: var(--m3); background: var(--m3); }
.m4 { fill: var(--m4); background: var(--m4); } .m5 { fill: var(--m5); background: var(--m5); }
.m-other, .s-cancelled { fill: var(--other); background: var(--other); }
.s-success { fill: var(--good); background: var(--good); } .s-failed { fill: var(--bad); background: var(--bad); }
.s-partial { fill: var(--part); background: var(--part); } .s-running { fill: var(--run); background: var(--run); }
.scroll { overflow-x: auto; margin-top: 1.1rem; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--m0); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
caption { text-align: left; color: var(--soft); font-size: 0.87rem; padding-bottom: 0.35rem; }
/* Stays in sight while a wide table is scrolled. */
caption span { position: sticky; left: 0; display: inline-block; max-width: min(100%, 100vw - 2rem); }
.csv { margin-left: 0.6rem; }
thead button { all: unset; cursor: pointer; }
thead button:hover { color: var(--ink); text-decoration: underline; }
thead button:focus-visible { outline: 2px solid var(--m0); outline-offset: 2px; }
[aria-sort] { color: var(--ink); }
[aria-sort=ascending] button::after { content: " ▲"; }
[aria-sort=descending] button::after { content: " ▼"; }
th, td { padding: 0.36rem 0.9rem 0.36rem 0; text-align: left; font-weight: 400; vertical-align: baseline; border-bottom: 1px solid var(--line); }
thead th, thead td { color: var(--soft); font-size: 0.83rem; white-space: nowrap; border-bottom-color: var(--faint); }
tr > :last-child, .pair tr > :last-child { padding-right: 0; }
tfoot th, tfoot td { border-bottom: 0; border-top: 1px solid var(--faint); }
tfoot th { font-weight: 650; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.name { overflow-wrap: anywhere; min-width: 9rem; }
.message { min-width: 15rem; }
.bar, .mark { padding-right: 0; width: 1%; white-space: nowrap; vertical-align: middle; }
.share { display: block; width: 5rem; height: 0.5rem; margin-right: 0.6rem; background: var(--panel); }
.pair .share { width: 3.2rem; }
.pair th, .pair td { padding-right: 0.6rem; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem 2.5rem; }
details { margin-top: 0.8rem; }
summary { cursor: pointer; color: var(--soft); font-size: 0.87rem; width: fit-content; }
details thead th { white-space: normal; min-width: 5rem; max-width: 14rem; overflow-wrap: anywhere; }
details td.number, details th { padding-block: 0.2rem; }
.note, .nothing, footer { color: var(--soft); font-size: 0.87rem; }
.note { margin-top: 0.7rem; max-width: 60rem; }
em { color: var(--soft); }
footer { margin-top: 3.5rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
footer h2 { font-size: 0.95rem; margin-bottom: 0.5rem; }
footer ul { padding-left: 1.1rem; margin-bottom: 0.7rem; max-width: 60rem; }
@media screen and (max-width: 50rem) {
  .headline { grid-template-columns: 1fr 1fr; }
  .headline > div:nth-child(odd) { padding-left: 0; border-left: 0; }
  .headline > div:nth-child(n + 3) { border-top: 1px solid var(--line); }
  .pair { grid-template-columns: minmax(0, 1fr); }
}
@media screen and (max-width: 40rem) {
  body { padding: 1.5rem 1rem 2rem; }
  h1 { font-size: 1.6rem; }
  .headline { grid-template-columns: 1fr; }
  .headline > div { padding: 0.7rem 0; border-left: 0; }
  .headline > div:nth-child(n + 2) { border-top: 1px solid var(--line); }
  .chart .wide { display: none; }
  .chart .narrow { display: block; }
  .bar { display: none; }
  .name { min-width: 6.5rem; }
  .message { min-width: 13rem; }
}
@page { margin: 15mm 14mm; }
@media print {
  body { padding: 0; max-width: none; font-size: 9.5pt; }
  section, .headline { margin-top: 1.6rem; }
  .headline > div { padding: 0.7rem 0.9rem; }
  .value { font-size: 1.35rem; }
  .tick { font-size: 13px; }
  .pair { gap: 0.6rem 2rem; }
  .pair .bar { display: none; }
  th, td { padding-block: 0.12rem; }
  .pair .name { min-width: 5rem; }
  h2 { break-after: avoid; }
  .headline, .legend, .chart, tr, .note, section > .scroll, .pair .scroll, footer { break-inside: avoid; }
  .legend, caption { break-after: avoid; }
  /* Do not repeat the total on every printed page. */
  tfoot { display: table-row-group; }
  details:not([open]) { display: none; }
  nav, .csv, .screen, body:not(:has(.bill[open])) .bills { display: none; }
  a { color: inherit; }
  .bill summary { display: none; }
  /* A selected bill is printed alone. */
  body:has(.bill :target) :is(main > :not(.bills), footer, h1, .span), .bills:has(:target) > :not(:has(:target)) { display: none; }
  .scroll { overflow: visible; }
  svg, .key { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`
