import type { Tone } from './style.ts'

/** The text of one value on a terminal, with its colour. */
export interface Cell {
  text: string
  tone?: Tone | undefined
}
