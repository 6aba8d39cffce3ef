export interface Fitting {
  /** The width without shortening. */
  natural: number
  /** The width it can be shortened to; `natural` if it cannot be shortened. */
  min: number
  /** The lowest priority is left out first; of the same priority, the last column. */
  priority: number
}

/**
 * The width of each column so that they fit into `room`; undefined for a column that is left out.
 * With `keepAll` no column is left out, and the widths may exceed `room`.
 */
export function fitColumns(
  columns: readonly Fitting[],
  room: number,
  gap: number,
  keepAll: boolean,
): (number | undefined)[] {
  const kept = new Set(columns)
  const total = (size: (column: Fitting) => number) =>
    [...kept].reduce((sum, column) => sum + size(column) + gap, -gap)
  while (!keepAll && kept.size > 1 && total((column) => column.min) > room) {
    kept.delete(leastImportant([...kept]))
  }
  const widths = new Map([...kept].map((column) => [column, column.natural]))
  for (let excess = total((column) => column.natural) - room; excess > 0; excess--) {
    const widest = [...widths]
      .filter(([column, width]) => width > column.min)
      .reduce<[Fitting, number] | undefined>((a, b) => (a && a[1] >= b[1] ? a : b), undefined)
    if (!widest) break
    widths.set(widest[0], widest[1] - 1)
  }
  return columns.map((column) => widths.get(column))
}

function leastImportant(columns: readonly Fitting[]): Fitting {
  return columns.reduce((least, column) => (column.priority <= least.priority ? column : least))
}
