import type { Io } from '../io.ts'

const CTRL_C = '\x03'

export interface Keys {
  /** false if stdin is not a terminal: then the terminal itself makes Ctrl-C a signal. */
  areRead: boolean
  /** Restores the terminal. It can be called again. */
  leave: () => void
}

/** Reads keys as they are pressed and does not show them: q leaves the screen, Ctrl-C interrupts. */
export function readKeys({ stdin, keys }: Io): Keys {
  if (!keys || stdin.isTTY !== true || stdin.setRawMode === undefined)
    return { areRead: false, leave: () => {} }
  const pressed = (typed: Buffer | string) => {
    const text = String(typed)
    if (text.includes(CTRL_C)) keys.interrupt()
    else if (text === 'q' || text === 'Q') keys.quit()
  }
  stdin.setRawMode(true)
  stdin.on('data', pressed).resume()
  let left = false
  const leave = () => {
    if (left) return
    left = true
    stdin.off('data', pressed).pause()
    stdin.setRawMode?.(false)
  }
  return { areRead: true, leave }
}
