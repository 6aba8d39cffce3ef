/** One run: its timeline, its steps and its data. */
export const EXECUTION = `
.error { font-family: var(--mono); font-size: 0.92em; color: var(--bad-ink); white-space: pre-wrap; overflow-wrap: anywhere; }
.notice .error { margin: 0; }
.chips.tags { margin: 0; }
.chips.tags li { padding-right: 0.75rem; }
@media (min-width: 60rem) { .run-facts { grid-template-columns: max-content minmax(0, 1fr) max-content minmax(0, 1fr); } }
.facts code.id { white-space: normal; overflow-wrap: anywhere; }
.metadata { margin-top: 0.8rem; }
.timeline td, .timeline th { vertical-align: middle; padding-block: 0.16rem; border-bottom: 0; }
.timeline thead th { border-bottom: 1px solid var(--edge); }
.timeline .name { max-width: 20rem; min-width: 11rem; font-weight: 400; }
.timeline :is(.axis, .span) { width: 52%; min-width: 14rem; padding-right: 1.1rem; }
.axis > span { display: flex; justify-content: space-between; }
.axis > span > span { flex: 0 0 0; display: flex; justify-content: center; white-space: nowrap; }
.axis > span > :first-child { justify-content: flex-start; }
.axis > span > :last-child { justify-content: flex-end; }
.span { background: linear-gradient(to right, var(--line) 1px, transparent 1px) 0 0 / calc((100% - 1.1rem) / 4 - 0.25px) 100% repeat-x; }
.span svg { display: block; width: 100%; height: 0.85rem; overflow: hidden; }
.timeline em { white-space: nowrap; }
.mark-note { color: var(--soft); min-width: 7rem; }
.row-failed .mark-note, .row-partial .mark-note { color: var(--bad-ink); }
.t-success { fill: var(--good); } .t-failed { fill: var(--bad); } .t-partial { fill: var(--part); } .t-running { fill: var(--run); }
.t-pending, .t-skipped, .t-cancelled, .t-other { fill: var(--other); }
.t-folded { fill: var(--good); opacity: 0.45; }
.t-waiting { fill: var(--line); }
.t-open { opacity: 0.6; }
:is(.d1, .d2, .d3, .d4, .d5, .d6)::before { content: "└ "; color: var(--faint); }
span:is(.d1, .d2, .d3, .d4, .d5, .d6) { display: block; }
.d1 { padding-left: 0.9rem; } .d2 { padding-left: 1.8rem; } .d3 { padding-left: 2.7rem; } .d4 { padding-left: 3.6rem; } .d5 { padding-left: 4.5rem; } .d6 { padding-left: 5.4rem; }
th.d1 { padding-left: 0.9rem !important; } th.d2 { padding-left: 1.8rem !important; } th.d3 { padding-left: 2.7rem !important; } th.d4 { padding-left: 3.6rem !important; }
.summary { list-style: none; color: var(--soft); font-size: 0.93rem; margin-top: 0.6rem; }
.tabs { list-style: none; display: flex; flex-wrap: wrap; gap: 0.4rem; }
.tabs a { display: inline-block; padding: 0.12rem 0.75rem; border: 1px solid var(--line); border-radius: 99px; background: var(--raised); color: var(--ink); text-decoration: none; }
.tabs a[aria-current] { border-color: var(--accent); color: var(--link); font-weight: 600; }
.tabs a:hover { background: var(--panel); }
.has-more > * { border-bottom: 0; padding-bottom: 0.1rem; }
.more-row > td { padding-top: 0; }
.more-row > td + td { padding-left: 0.7rem; }
.steps tbody:hover { background: var(--hover); }
.steps tbody tr:hover { background: none; }
.steps tbody tr:last-child > * { border-bottom-color: var(--line); }
.steps .chosen { background: var(--panel); box-shadow: -3px 0 0 var(--accent); }
.payload-head { color: var(--soft); margin-top: 0.5rem; }
.steps pre, .audit pre, .metadata pre { max-height: 24rem; max-width: 70rem; margin: 0.2rem 0 0.5rem; }
.audit th .error { margin-top: 0.2rem; }
.bill { margin-top: 0.9rem; }
.bill .facts { margin-top: 0.4rem; }
.bill + .bill { margin-top: 1.6rem; }
@media (max-width: 40rem) {
  .timeline thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .timeline, .timeline :is(tbody, caption) { display: block; }
  .timeline tr { display: grid; grid-template-columns: auto minmax(0, 1fr) auto auto; gap: 0 0.6rem; padding: 0.35rem 0; border-bottom: 1px solid var(--line); }
  .run-facts { grid-template-columns: max-content minmax(0, 1fr); gap: 0.25rem 1rem; }
  .run-facts dd { margin-bottom: 0; }
  .timeline :is(td, th) { padding: 0 !important; min-width: 0; }
  .timeline tr > .name { max-width: none; }
  .timeline .span { grid-row: 2; grid-column: 1 / -1; width: auto; background: none; padding: 0; margin-top: 0.15rem; }
  .timeline td:nth-child(4) { display: none; }
  .timeline .mark-note { grid-row: 3; grid-column: 1 / -1; }
  .timeline .mark-note:empty { display: none; }
  .steps tr > td.number:first-child { display: none; }
  .steps th[data-number]::before { content: attr(data-number) ". " !important; font-weight: 400; color: var(--soft); }
  .steps tbody { border-bottom: 1px solid var(--line); }
  .steps tr { border-bottom: 0 !important; }
  .steps .more-row { padding-top: 0 !important; }
  .steps .more-row > td:first-child { display: none; }
  .steps .more-row > td { grid-column: 1 / -1; padding-left: 0; }
}
@media print { .tabs, .pager { display: none; } }
`
