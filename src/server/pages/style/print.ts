/** On paper there is only the content. */
export const PRINT = `
@page { margin: 15mm 14mm; }
@media print {
  html { font-size: 9.5pt; background: none; }
  .skip, .top, .away, .filter, .pager, .csv, .chips a, .more, .screen { display: none !important; }
  main { padding: 0; max-width: none; }
  section { margin-top: 1.4rem; }
  th, td { padding-block: 0.12rem; }
  h2, caption, .legend { break-after: avoid; }
  tr, .figures, .chart, .note, .notice { break-inside: avoid; }
  /* Do not repeat the total on every printed page. */
  tfoot { display: table-row-group; }
  a { color: inherit; text-decoration: none; }
  .scroll { overflow: visible; }
  svg, .key, .status::before { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body > footer { padding: 0.5rem 0 0; }
}
`
