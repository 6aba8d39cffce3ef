/** Cost and bills. */
export const MONEY = `
.times { display: flex; flex-wrap: wrap; gap: 0.4rem; margin-top: 0.9rem; }
.times a { padding: 0.15rem 0.7rem; border: 1px solid var(--line); border-radius: 99px; background: var(--raised); color: var(--ink); text-decoration: none; line-height: 1.6; }
.times a:hover { background: var(--panel); }
.times a[aria-current] { border-color: var(--accent); color: var(--link); font-weight: 600; }
.chart svg { overflow: visible; }
@media (pointer: coarse) { .times a { padding-block: 0.4rem; } }
@media print { .times { display: none; } }
`
