import { plural } from '../../numbers.ts'
import { tagOfKey } from '../table/tag.ts'
import type { UsageFilter } from './filter.ts'
import type { HistoryUnknown } from './unknown.ts'
import type { Unpriced } from './unpriced.ts'

/** What a total does not contain, in words. */

/** What a report does not know of removed runs: a tag that is not in the history, or the session. */
export const unknownNotes = (
  unknown: readonly HistoryUnknown[],
  { tags = {} }: Pick<UsageFilter, 'tags'>,
): string[] =>
  unknown.map(({ dimension, runs }) => {
    const [has, is] = runs === 1 ? ['has', 'is'] : ['have', 'are']
    const subject = `${plural(runs, 'removed run')} ${has}`
    if (dimension === 'session')
      return `${subject} no session in the history: the row without a session includes them`
    const tag = tagOfKey(dimension)
    const effect = Object.hasOwn(tags, tag)
      ? ` and ${is} not included`
      : ': the row without the tag includes them'
    return (
      `${subject} no tag ${tag} in the history${effect}; ` +
      'later cleanups keep it if it is one of the tags of `wfstore settings set cost-tags`'
    )
  })

/** Removed runs have no messages, so they are in no group. */
export const removedNote = (runs: number): string =>
  `${plural(runs, 'failed or partial run')} of this time ${runs === 1 ? 'was' : 'were'} removed by cleanup and ${runs === 1 ? 'is' : 'are'} in no group`

/** '12 steps of 2 models have no price, so their cost is not included'; undefined if there are none. */
export function unpricedText({ steps, models }: Unpriced): string | undefined {
  if (steps === 0) return undefined
  const [have, their] = steps === 1 ? ['has', 'its'] : ['have', 'their']
  return `${plural(steps, 'step')} of ${plural(models, 'model')} ${have} no price, so ${their} cost is not included`
}
