import type { Tone } from './style.ts'

/** The text and colour of a value on a terminal. */
export interface Cell {
  text: string
  tone?: Tone | undefined
}
