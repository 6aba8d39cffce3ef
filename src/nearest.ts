/** The word that was most likely meant, if any is close. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((word) => ({ word, distance: distance(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, distance: far }) => far <= allowed(word))
    .sort((a, b) => a.distance - b.distance)
  return best?.word
}

/** Two letters are too few to be near another word. */
const allowed = ({ length }: string): number =>
  length < 3 ? 0 : Math.max(1, Math.floor(length / 3))

/** The number of letters to insert, remove, replace, or swap with the next. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > b.length) return b.length
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const swapped = i > 0 && j > 0 && char === b[j - 1] && a[i - 1] === other
      next.push(
        Math.min(
          (row[j] as number) + (char === other ? 0 : 1),
          (row[j + 1] as number) + 1,
          (next[j] as number) + 1,
          swapped ? (before[j - 1] as number) + 1 : b.length,
        ),
      )
    }
    before = row
    row = next
  }
  return row.at(-1) as number
}
