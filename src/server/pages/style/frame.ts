/** What is around the content of each page. */
export const FRAME = `
.skip { position: absolute; left: 0.5rem; top: -4rem; z-index: 2; background: var(--accent); color: var(--on-accent); padding: 0.5rem 0.9rem; border-radius: 0 0 6px 6px; }
.skip:focus { top: 0; }
.top { display: flex; align-items: center; gap: 0 1.4rem; padding: 0 1.6rem; border-bottom: 1px solid var(--line); background: var(--raised); }
.brand { font-weight: 700; letter-spacing: -0.02em; font-size: 1.1rem; color: var(--ink); text-decoration: none; padding: 0.7rem 0; }
.top nav { display: flex; overflow-x: auto; scrollbar-width: none; flex: 1; min-width: 0; }
.top nav a { padding: 0.8rem 0.75rem calc(0.8rem - 2px); color: var(--soft); text-decoration: none; white-space: nowrap; border-bottom: 2px solid transparent; }
.top nav a:hover { color: var(--ink); }
.top nav a[aria-current] { color: var(--ink); border-color: var(--accent); font-weight: 600; }
.top nav a:focus-visible { outline-offset: -3px; }
.live { color: var(--soft); font-size: 0.93rem; white-space: nowrap; }
.live:not(:empty)::before { content: ""; display: inline-block; width: 0.5rem; height: 0.5rem; border-radius: 50%; margin-right: 0.45rem; background: var(--good); }
.live.off::before { background: var(--part); }
.away { margin: 0; padding: 0.6rem 1.6rem; color: var(--bad-ink); background: var(--bad-wash); border-bottom: 1px solid var(--line); }
.away:empty { display: none; }
main { display: block; padding: 1.4rem 1.6rem 2.5rem; max-width: 116rem; margin: 0 auto; }
.about { color: var(--soft); margin-top: 0.15rem; overflow-wrap: anywhere; }
section { margin-top: 2rem; }
section > h2 .more { font-weight: 400; font-size: 0.93rem; margin-left: 0.6rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 0 2.4rem; }
body > footer { border-top: 1px solid var(--line); color: var(--soft); font-size: 0.93rem; padding: 0.9rem 1.6rem 1.6rem; display: flex; flex-wrap: wrap; gap: 0.2rem 1.6rem; }
body > footer p { overflow-wrap: anywhere; }
.problem { border-left: 3px solid var(--bad); padding: 0.2rem 0 0.2rem 1rem; margin-top: 1.2rem; max-width: 60rem; overflow-wrap: anywhere; }
.problem .hint { color: var(--soft); }
.top, .away, body > footer { padding-inline: max(1.6rem, calc((100% - 116rem) / 2 + 1.6rem)); }
@media (max-width: 48rem) {
  .top { flex-wrap: wrap; padding: 0 1rem; }
  .top nav { order: 3; flex: 1 0 100%; margin: 0 -1rem; padding: 0 0.4rem; }
  .top nav a { padding-block: 0.55rem calc(0.55rem - 2px); }
  .brand { flex: 1; }
  main { padding: 1.1rem 1rem 2rem; }
  .away { padding-inline: 1rem; }
  body > footer { padding-inline: 1rem; flex-direction: column; }
}
`
