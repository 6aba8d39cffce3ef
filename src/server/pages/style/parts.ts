/** Figures, lists of facts, notices and charts. */
export const PARTS = `
.figures { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr)); gap: 1px; margin-top: 1.2rem; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.figures > * { background: var(--raised); padding: 0.8rem 1.1rem 0.9rem; min-width: 0; }
.figures :is(dt, .head, .about) { display: block; color: var(--soft); font-size: 0.93rem; margin: 0; }
.figures .value { display: block; color: var(--ink); font-size: 1.75rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.figures .value a { color: inherit; }
.figures .value strong { font-weight: inherit; }
.bad { color: var(--bad-ink); } .warn { color: var(--part-ink); }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.25rem 1.4rem; margin-top: 1rem; }
.facts dt { color: var(--soft); }
.facts dd { overflow-wrap: anywhere; }
.notice { margin-top: 1rem; padding: 0.55rem 0.9rem; background: var(--part-wash); border-left: 3px solid var(--part); border-radius: 0 4px 4px 0; max-width: 70rem; overflow-wrap: anywhere; }
.notice.bad { color: inherit; background: var(--bad-wash); border-color: var(--bad); }
.chart { margin-top: 0.6rem; container-type: inline-size; }
.chart svg { display: block; width: 100%; height: auto; max-height: 26rem; }
.chart .narrow { display: none; max-width: 34rem; }
.spark { display: block; width: 100%; height: 4.5rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin-top: 0.5rem; }
.legend li { min-width: 0; overflow-wrap: anywhere; }
.key { display: inline-block; width: 0.75rem; height: 0.75rem; border-radius: 2px; margin-right: 0.4rem; }
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
@container (max-width: 44rem) { .chart .wide { display: none; } .chart .narrow { display: block; } }
@media screen and (max-width: 40rem) {
  .figures { grid-template-columns: 1fr 1fr; }
  .figures > :last-child:nth-child(odd) { grid-column: 1 / -1; }
  .figures > * { padding-inline: 0.8rem; }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: 0.5rem; }
}
`
