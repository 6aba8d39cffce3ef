import { $, bold, cyan, dim, green, red, yellow } from 'kleur/colors'

// kleur would check the process; here the writer decides whether to use colours.
$.enabled = true

const TONES = { bold, cyan, dim, green, red, yellow }

export type Tone = keyof typeof TONES
export type Paint = (tone: Tone | undefined, text: string) => string

export function painter(color: boolean): Paint {
  return (tone, text) => (color && tone !== undefined ? TONES[tone](text) : text)
}

const STATUS_TONES: Record<string, Tone> = {
  success: 'green',
  failed: 'red',
  running: 'cyan',
  stuck: 'yellow',
  partial: 'yellow',
  cancelled: 'dim',
  skipped: 'dim',
  pending: 'dim',
  ok: 'green',
  warning: 'yellow',
  missing: 'red',
  differs: 'red',
  invalid: 'red',
  disabled: 'red',
  extra: 'dim',
  applied: 'green',
  changed: 'red',
  unknown: 'red',
  new: 'red',
  rising: 'yellow',
  falling: 'green',
  gone: 'dim',
  done: 'green',
  stopped: 'yellow',
  interrupted: 'yellow',
}

export const statusTone = (status: string): Tone | undefined =>
  Object.hasOwn(STATUS_TONES, status) ? STATUS_TONES[status] : undefined
