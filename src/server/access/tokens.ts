import { timingSafeEqual } from 'node:crypto'
import type { Caller } from '../../handler.ts'
import { findUsableToken } from '../../queries/tokens/find.ts'
import { hashOf } from '../../queries/tokens/tokens.ts'
import type { Site } from '../site.ts'
import { failureLimit } from './failures.ts'

/** Who has a token. */
export interface TokenHolder {
  caller: Caller
  /** When the token expires, by the clock of this process; undefined if it does not. */
  expires: number | undefined
}

/**
 * Says who has a token: 'wrong' if it is unknown, expired or revoked; 'busy' if this address has sent too many wrong ones, so that
 * this one is not looked up.
 */
export type CheckToken = (
  token: string,
  address?: string,
) => Promise<TokenHolder | 'wrong' | 'busy'>

/** After this time a token is looked up again, so that a revoked one stops. */
const KEPT_MS = 5000
/** Tokens in use, of which the result is kept. */
const MOST_KEPT = 1000

interface Kept {
  holder: Promise<TokenHolder | undefined>
  until: number
}

const TOKEN = /^wfs_[\w-]{43}$/

/** Checks tokens in the database; one that is used all the time is looked up every 5 seconds. */
export function tokenCheck({ database, now }: Pick<Site, 'database' | 'now'>): CheckToken {
  const time = () => now().getTime()
  const kept = new Map<string, Kept>()
  const failures = failureLimit(time)
  const lookUp = async (hash: string): Promise<TokenHolder | undefined> => {
    const asked = time()
    // Other requests wait for the same answer, so no client cancels it.
    const { signal } = new AbortController()
    const row = await database.read(signal, ({ run }) => findUsableToken(run, hash))
    // The index compares hashes, which tell nothing of tokens; this comparison takes the same time for all.
    if (row === undefined || !timingSafeEqual(Buffer.from(row.hash), Buffer.from(hash)))
      return undefined
    const { name, can, msLeft } = row
    return { caller: { name, can }, expires: msLeft === null ? undefined : asked + msLeft }
  }
  return async (token, address = '') => {
    if (!TOKEN.test(token)) return 'wrong'
    const hash = hashOf(token)
    let entry = kept.get(hash)
    const isNew = entry === undefined
    // Only tokens that were not right a moment ago count.
    if (isNew && !failures.mayTry(address)) return 'busy'
    if (entry === undefined || entry.until <= time()) {
      entry = { holder: lookUp(hash), until: time() + KEPT_MS }
      kept.set(hash, entry)
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value as string)
    }
    const forget = () => kept.get(hash) === entry && kept.delete(hash)
    try {
      const holder = await entry.holder
      if (holder !== undefined && (holder.expires ?? Infinity) > time()) {
        if (isNew) failures.succeeded(address)
        return holder
      }
    } catch (error) {
      forget()
      throw error
    }
    forget()
    return 'wrong'
  }
}
