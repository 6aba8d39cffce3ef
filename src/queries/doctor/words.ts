import { formatNumber } from '../../numbers.ts'

/** 'a', 'a and b', 'a, b and c' */
export const enumerate = (names: readonly string[], last = 'and'): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${last} ${names.at(-1)}`

/** The first few texts, and the number of the others. */
export const someOf = (texts: readonly string[], total: number, shown = 3): string =>
  [
    ...texts.slice(0, shown),
    ...(total > shown ? [`and ${formatNumber(total - shown)} more`] : []),
  ].join('; ')
