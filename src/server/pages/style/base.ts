/** Text, links and focus. */
export const BASE = `
*, ::before, ::after { box-sizing: border-box; }
html { background: var(--paper); font-size: 14px; -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0; color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif;
}
h1, h2, h3, p, dl, dd, ul, ol, figure, fieldset, pre { margin: 0; padding: 0; border: 0; min-width: 0; }
h1 { font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.015em; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; line-height: 1.35; font-weight: 650; margin-bottom: 0.6rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; font-weight: 650; margin-bottom: 0.4rem; }
a { color: var(--link); text-underline-offset: 0.15em; text-decoration-thickness: 1px; }
a:not(:hover) { text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); }
code, kbd, pre, .id { font-family: var(--mono); font-size: 0.92em; }
pre { overflow: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem 0.9rem; white-space: pre-wrap; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
main:focus, [tabindex="-1"]:focus { outline: none; }
em { font-style: normal; color: var(--soft); }
time { white-space: nowrap; }
.soft, .note, .nothing { color: var(--soft); }
.note { font-size: 0.93rem; max-width: 70rem; margin-top: 0.6rem; }
.nothing { padding: 0.8rem 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
details > summary { cursor: pointer; color: var(--soft); width: fit-content; }
details > summary:hover { color: var(--ink); }
@media (min-width: 110rem) { html { font-size: 16px; } }
@media (min-width: 150rem) { html { font-size: 20px; } }
@media (min-width: 230rem) { html { font-size: 28px; } }
@media (prefers-reduced-motion: no-preference) { .changed { animation: changed 1.6s ease-out; } }
@keyframes changed { from { background: color-mix(in srgb, var(--accent) 22%, transparent); } }
`
