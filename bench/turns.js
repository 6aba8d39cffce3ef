// Measures two or more sides alternately. On a machine with other load only the ratio of neighbouring measurements counts.

/**
 * Measures each side once per round, in a changing order. The first round does not count.
 * @param sides each one prepares and returns the function that is timed
 * @returns the milliseconds of each side, one number per round
 */
export async function turns(rounds, sides) {
  const all = sides.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const side = (turn + round + 1) % sides.length
      const timed = await sides[side]()
      const start = performance.now()
      await timed()
      const ms = performance.now() - start
      if (round >= 0) all[side].push(ms)
    }
  }
  return all
}

/**
 * One result for each of the others. `ours` and `theirs` are medians; `ratio` is the median of the ratios of all rounds.
 * @param rows number of rows that each side reads or writes; if given, the unit is `unit` instead of ms
 * @param calls number of calls that each side makes, so that the time is long enough for the clock
 * @param others each with a description `what`, its `side`, and the `goal` for the ratio
 */
export async function compare(
  { rounds, say },
  { name, rows, unit = 'rows/s', calls = 1 },
  ours,
  others,
) {
  const [mine, ...theirs] = await turns(rounds, [ours, ...others.map(({ side }) => side)])
  const value = (ms) => (rows ? (rows * 1000) / ms : ms / calls)
  say(name)
  return others.map(({ what, goal }, n) => {
    const values = theirs[n].map(value)
    return {
      name,
      unit: rows ? unit : 'ms',
      ours: median(mine.map(value)),
      what,
      theirs: median(values),
      ratio: median(mine.map((ms, round) => value(ms) / values[round])),
      goal,
      pairs: rounds,
    }
  })
}

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]
