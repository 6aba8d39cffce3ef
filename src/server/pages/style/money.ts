/** Cost and bills. */
export const MONEY = `
.times { display: flex; flex-wrap: wrap; gap: 0.4rem; margin-top: 0.9rem; }
.times a { padding: 0.15rem 0.7rem; border: 1px solid var(--line); border-radius: 99px; background: var(--raised); color: var(--ink); text-decoration: none; line-height: 1.6; }
.times a:hover { background: var(--panel); }
.times a[aria-current] { border-color: var(--accent); color: var(--link); font-weight: 600; }
.chart svg { overflow: visible; }
.status-closed::before, .status-unpaid::before { background: none; box-shadow: inset 0 0 0 0.17em var(--edge); }
.status-differs::before { background: var(--bad); border-radius: 1px; }
.status-differs { color: var(--bad-ink); }
.links { margin-top: 1rem; }
.good-line { margin-top: 1rem; color: var(--good-ink); }
.statement { border-top: 1px solid var(--line); padding-top: 1.2rem; }
@media (scripting: none) { button.print { display: none; } }
@media (pointer: coarse) { .times a { padding-block: 0.4rem; } }
@media print {
  .times { display: none; }
  .statement { break-after: page; border: 0; padding: 0; margin: 0; }
  .statement:last-of-type { break-after: auto; }
  main:has(.statement) > :is(h1, .about) { display: none; }
}
`
