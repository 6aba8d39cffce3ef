/** Wrong tokens of an address that are looked up: this many at once, then this many a second. */
const AT_ONCE = 20
const A_SECOND = 1
/** Addresses that are remembered. */
const MOST = 10_000

/**
 * Limits how often an address tries tokens. A token cannot be guessed: the limit protects the database, and counts only tries
 * that fail.
 */
export function failureLimit(time: () => number): {
  mayTry: (address: string) => boolean
  succeeded: (address: string) => void
} {
  const tries = new Map<string, { left: number; at: number }>()
  const leftOf = (address: string) => {
    const { left, at } = tries.get(address) ?? { left: AT_ONCE, at: 0 }
    return Math.min(AT_ONCE, left + ((time() - at) / 1000) * A_SECOND)
  }
  const set = (address: string, left: number) => {
    tries.delete(address)
    if (left >= AT_ONCE) return
    tries.set(address, { left, at: time() })
    if (tries.size > MOST) tries.delete(tries.keys().next().value as string)
  }
  return {
    mayTry: (address) => {
      const left = leftOf(address)
      if (left < 1) return false
      set(address, left - 1)
      return true
    },
    succeeded: (address) => set(address, leftOf(address) + 1),
  }
}
