/** Tables: they scroll inside their own region or, with the class \`reflow\`, become a list on a phone. */
export const TABLES = `
.scroll { overflow-x: auto; margin-top: 0.9rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 0.93rem; padding-bottom: 0.3rem; }
/* Stays in sight while a wide table is scrolled. */
caption span { position: sticky; left: 0; display: inline-block; max-width: min(100%, 100vw - 2rem); }
.csv { margin-left: 0.6rem; }
th, td { padding: 0.38rem 1.1rem 0.38rem 0; text-align: left; font-weight: 400; vertical-align: baseline; border-bottom: 1px solid var(--line); }
td:not(.number) { max-width: 20rem; overflow-wrap: break-word; }
thead :is(th, td) { color: var(--soft); font-size: 0.86rem; white-space: nowrap; border-bottom-color: var(--edge); padding-top: 0.2rem; }
thead a { color: inherit; text-decoration: none; }
thead a:hover { color: var(--ink); text-decoration: underline; }
[aria-sort] { color: var(--ink); font-weight: 600; }
[aria-sort=ascending] :is(a, button)::after { content: " ▲"; }
[aria-sort=descending] :is(a, button)::after { content: " ▼"; }
thead button { all: unset; cursor: pointer; }
thead button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
tr > :last-child { padding-right: 0; }
tbody a, tfoot a { text-decoration: none; }
tbody a:hover { text-decoration: underline; }
tbody tr:hover { background: var(--hover); }
tbody tr:last-child > * { border-bottom-color: transparent; }
tfoot :is(th, td) { border-bottom: 0; border-top: 1px solid var(--edge); font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
.name { overflow-wrap: anywhere; min-width: 9rem; max-width: 34rem; }
.why { display: block; color: var(--soft); font-size: 0.9em; font-weight: 400; width: 0; min-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.counted { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.6rem; color: var(--soft); margin-top: 1.1rem; }
.message { min-width: 15rem; max-width: 60rem; }
.name:has(.why) { min-width: 15rem; }
.number + :not(.number) { padding-left: 0.7rem; }
.id { white-space: nowrap; }
.bar, .mark { padding-right: 0; width: 1%; white-space: nowrap; vertical-align: middle; }
.share { display: block; width: 5rem; height: 0.5rem; margin-right: 0.6rem; background: var(--panel); }
.status { white-space: nowrap; }
.status::before { content: ""; display: inline-block; width: 0.6em; height: 0.6em; border-radius: 50%; margin-right: 0.5em; background: var(--other); }
.status-success::before, .status-paid::before, .status-ok::before { background: var(--good); }
.status-failed::before, .status-error::before { background: var(--bad); border-radius: 1px; }
.status-partial::before, .status-warning::before, .status-stuck::before { background: var(--part); clip-path: polygon(50% 0, 100% 100%, 0 100%); border-radius: 0; }
.status-running::before { background: none; box-shadow: inset 0 0 0 0.17em var(--run); }
.status-failed, .status-error { color: var(--bad-ink); }
.status-stuck, .status-warning { color: var(--part-ink); }
@media screen and (max-width: 40rem) {
  .bar { display: none; }
  .name { min-width: 6.5rem; }
  .why { display: block; color: var(--soft); font-size: 0.9em; font-weight: 400; width: 0; min-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.counted { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.6rem; color: var(--soft); margin-top: 1.1rem; }
.message { min-width: 13rem; }
  .reflow thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .reflow, .reflow :is(tbody, tr, td, th), .reflow caption { display: block; }
  .reflow tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0.1rem 1rem; padding: 0.65rem 0; border-bottom: 1px solid var(--line); }
  .reflow tr > :is(th, td) { padding: 0; border: 0; text-align: left; white-space: normal; max-width: none; overflow-wrap: anywhere; min-width: 0; }
  .reflow tr > .number + :not(.number) { padding: 0; }
  .reflow :is(th, td).name { grid-column: 1 / -1; font-weight: 600; }
  .reflow tbody :is(th, td)[data-label]:not(.name, [data-label=Status], [data-label=Started])::before { content: attr(data-label) " "; color: var(--soft); font-size: 0.9em; }
}
`
