/** Cleanup and health. */
export const OPERATIONS = `
.status-done::before { background: var(--good); }
.status-stopped::before, .status-interrupted::before { background: var(--part); clip-path: polygon(50% 0, 100% 100%, 0 100%); border-radius: 0; }
.finding { max-width: 60rem; overflow-wrap: anywhere; }
.fix { overflow-wrap: anywhere; user-select: all; -webkit-user-select: all; }
@media screen and (max-width: 40rem) {
  .reflow td:has(.finding, .fix) { grid-column: 1 / -1; }
  .reflow td:has(.finding)[data-label]:not(.name)::before { content: ""; }
}
`
