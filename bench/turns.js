// Two or more sides measured turn by turn: on a machine that does other things as well, only ratios of neighbours count.

/**
 * Does each side once a round, another one first in every round, after one round that does not count.
 * @param sides each makes ready and gives the function that is timed
 * @returns the milliseconds of each side, a number a round
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
 * A row for each of the others. `ours` and `theirs` are medians; `ratio` is the median of what the rounds give.
 * @param rows that each side reads or writes: then the unit is rows/s, of which more is better, and not ms
 * @param calls that each side makes, so that what is timed is not too short for the clock
 * @param others each with `what` it is, its `side`, and the `goal` for the ratio, if there is one
 */
export async function compare({ rounds, say }, { name, rows, calls = 1 }, ours, others) {
  const [mine, ...theirs] = await turns(rounds, [ours, ...others.map(({ side }) => side)])
  const value = (ms) => (rows ? (rows * 1000) / ms : ms / calls)
  say(name)
  return others.map(({ what, goal }, n) => {
    const values = theirs[n].map(value)
    return {
      name,
      unit: rows ? 'rows/s' : 'ms',
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
