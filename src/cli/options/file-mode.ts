import { InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../error.ts'

/** For commands that write a file. `--mode` is a filter. */
export const fileMode = [
  '--file-mode <octal>',
  'rights of new files, such as 0640 (default: 0600)',
  parseMode,
] as const

const OWNER = 0o600
const EXECUTE = 0o111

function parseMode(text: string): number {
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : 0
  if ((mode & OWNER) === OWNER && (mode & EXECUTE) === 0) return mode
  throw new InvalidArgumentError(
    'It must be the octal rights of a file that its owner can read and write, such as 0640',
  )
}

/** @throws WfstoreError usage if there is no file to which the rights apply */
export function checkFileMode(mode: number | undefined, written: boolean, option: string): void {
  if (mode !== undefined && !written)
    throw new WfstoreError('usage', `--file-mode requires ${option}`, {
      hint: 'leave it out: stdout has the rights of its own file',
    })
}
