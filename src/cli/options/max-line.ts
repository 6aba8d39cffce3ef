import { MOST_LONGEST, USUAL_LONGEST } from '../../transfer/lines/longest.ts'
import { wholeNumber } from './values.ts'

/** For commands that read lines of other programs. */
export const maxLine = [
  '--max-line <MiB>',
  `refuse a longer line (default: ${USUAL_LONGEST}, at most ${MOST_LONGEST})`,
  wholeNumber(1, MOST_LONGEST),
] as const
