/** Filters, chips, buttons and links between pages of a list. */
export const FORMS = `
input, select, button, textarea { font: inherit; color: inherit; }
input:not([type=checkbox], [type=radio]), select, textarea {
  width: 100%; min-height: 2.15rem; padding: 0.25rem 0.55rem; background: var(--raised); border: 1px solid var(--edge); border-radius: 5px;
}
::placeholder { color: var(--faint); opacity: 1; }
label { display: block; }
.button, button.button { display: inline-block; min-height: 2.15rem; padding: 0.3rem 0.9rem; border: 1px solid var(--edge); border-radius: 5px; background: var(--raised); color: var(--ink); text-decoration: none; cursor: pointer; line-height: 1.45; white-space: nowrap; }
.button:hover { background: var(--panel); }
.button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
.button.main:hover { filter: brightness(1.08); }
.filter { margin-top: 1rem; }
.filter .fields { display: flex; flex-wrap: wrap; gap: 0.6rem 0.9rem; align-items: end; }
.filter .fields > label { flex: 1 1 8rem; max-width: 18rem; min-width: 0; }
.filter .fields span, .filter legend { display: block; color: var(--soft); font-size: 0.86rem; padding: 0; }
.filter fieldset { margin-right: 0.6rem; }
.filter .choices { display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; min-height: 2.15rem; align-items: center; }
.filter .choices label { display: inline-flex; gap: 0.4rem; align-items: center; min-height: 1.8rem; }
.filter details { margin-top: 0.5rem; }
.filter details .fields { margin-top: 0.5rem; }
.chips { list-style: none; display: flex; flex-wrap: wrap; gap: 0.4rem; margin-top: 0.9rem; }
.chips li { display: inline-flex; max-width: 100%; border: 1px solid var(--line); background: var(--panel); border-radius: 99px; padding: 0.12rem 0.3rem 0.12rem 0.75rem; overflow-wrap: anywhere; align-items: center; gap: 0.3rem; }
.chips li > span { min-width: 0; }
.chips .all { background: none; border-color: transparent; padding-left: 0.3rem; }
.chips a.remove { text-decoration: none; border-radius: 99px; min-width: 1.7rem; line-height: 1.7rem; text-align: center; color: var(--soft); }
.chips a.remove:hover { background: var(--hover); color: var(--ink); }
.pager { display: flex; flex-wrap: wrap; gap: 0.6rem 1rem; align-items: center; margin-top: 1rem; }
@media (max-width: 40rem) { .filter .fields > label { flex-basis: 40%; } .filter fieldset { flex-basis: 100%; } }
@media (pointer: coarse) { .chips a.remove { min-width: 2.2rem; line-height: 2.2rem; } input, select, .button { min-height: 2.6rem !important; } }
`
