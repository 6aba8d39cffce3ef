import type { Prices } from '../../../queries/prices/prices.ts'

/** True if one of these models has a price, also by the rules for names. */
export const hadPrice = async (
  prices: Prices,
  models: readonly string[],
  provider?: string,
): Promise<boolean> =>
  models.length > 0 &&
  (await prices.list({ model: models.map((name) => name.trim()), provider, all: true })).length > 0

/** What to do with steps that ended before a price was added. @param hasPrice some of them may have had another price */
export const pastNote = (from: string, hasPrice: boolean): string =>
  `the price begins in the past: what was priced stays as it is; for steps without a price, run \`wfstore prices apply --since ${from}\`${
    hasPrice
      ? `; to correct a price, run \`wfstore prices apply --since ${from} --recalculate --reason "wrong price"\``
      : ''
  }`
