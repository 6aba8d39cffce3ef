/**
 * The script of the page: a click on a heading sorts its table, a link to a bill opens it. Without it the page has the
 * same content. It is constant and has no markup, because its hash is in the policy of the page.
 */
export const SCRIPT = `
const valueOf = (row, place) => {
  const cell = row.cells[place]
  const text = (cell.dataset.v ?? (cell.title || cell.textContent)).trim()
  const [found, sign, whole, rest = ''] = /^([-−]?)([\\d,]+)(?:\\.(\\d+))?$/.exec(text) ?? []
  if (!found) return text === '–' ? '' : text
  const size = BigInt(whole.replaceAll(',', '') + rest.slice(0, 40).padEnd(40, '0'))
  return sign ? -size : size
}
const compare = (a, b) =>
  typeof a === 'string' && typeof b === 'string'
    ? a.localeCompare(b, 'en', { numeric: true })
    : typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'bigint' ? -1 : 1
for (const head of document.querySelectorAll('thead th')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.append(...head.childNodes)
  head.append(button)
  button.addEventListener('click', () => {
    const table = head.closest('table')
    const body = table.tBodies[0]
    const wasUp = head.ariaSort === 'ascending'
    const down = head.ariaSort ? wasUp : head.classList.contains('number')
    for (const other of table.querySelectorAll('thead th')) other.ariaSort = null
    head.ariaSort = down ? 'descending' : 'ascending'
    const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, head.cellIndex) }))
    const rank = ({ row, value }) => ('last' in row.dataset ? 2 : value === '' ? 1 : 0)
    rows.sort((a, b) => rank(a) - rank(b) || (down ? compare(b.value, a.value) : compare(a.value, b.value)))
    body.append(...rows.map(({ row }) => row))
  })
}
const reveal = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1))
  const closed = target && target.closest('details:not([open])')
  if (!closed) return
  closed.open = true
  target.scrollIntoView()
}
addEventListener('hashchange', reveal)
reveal()
for (const link of document.querySelectorAll('a.print')) {
  link.addEventListener('click', () => setTimeout(print))
}
`
