/** Groups of errors. */
export const ERRORS = `
.trend-bars { display: block; height: 1.5rem; width: auto; max-width: 100%; min-width: 9rem; }
.figures .trend-bars { height: 2.2rem; margin-top: 0.3rem; }
.trend-bars .then { fill: var(--other); }
.trend-bars .now { fill: var(--bad); }
.trend { white-space: nowrap; }
.trend::before { display: inline-block; width: 1.2em; color: var(--soft); content: "–"; }
.trend-new::before { content: "●"; color: var(--bad); }
.trend-rising::before { content: "▲"; color: var(--bad); }
.trend-falling::before { content: "▼"; color: var(--good); }
.trend-gone::before { content: "○"; color: var(--good); }
`
