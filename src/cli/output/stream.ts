import { WfstoreError } from '../../error.ts'

/** The reader of the output has exited, as in `| head`. It is not a failure: the command ends without an error. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe'
}

export interface GuardedStream {
  /** Resolves when the stream accepts more. Rejects with ClosedPipe or the error of the stream. */
  write(text: string): Promise<void>
  /** Resolves when everything is written. */
  flush(): Promise<void>
  /** Whether anything was written. */
  used: () => boolean
}

/** Error codes for a closed pipe: on Unix, on Windows, and for a destroyed stream. */
const CLOSED = ['EPIPE', 'EOF', 'ERR_STREAM_DESTROYED']

const guarded = new WeakMap<NodeJS.WritableStream, GuardedStream>()

/**
 * Catches the errors of a stream, which would otherwise end the process, and reports them to the next write.
 * A stream has only one guard.
 */
export function guardStream(stream: NodeJS.WritableStream, name = 'stdout'): GuardedStream {
  const known = guarded.get(stream)
  if (known) return known
  let failure: NodeJS.ErrnoException | undefined
  let last = Promise.resolve()
  let used = false
  const check = () => {
    if (failure) throw asOurs(failure, name)
  }
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error
  })
  const made: GuardedStream = {
    async write(text) {
      check()
      used = true
      let roomLeft = true
      last = new Promise<void>((resolve) => {
        roomLeft = stream.write(text, (error) => {
          failure ??= error ?? undefined
          resolve()
        })
      })
      if (!roomLeft) await last
      check()
    },
    async flush() {
      await last
      check()
    },
    used: () => used,
  }
  guarded.set(stream, made)
  return made
}

function asOurs(error: NodeJS.ErrnoException, name: string): Error {
  if (CLOSED.includes(error.code ?? '')) return new ClosedPipe(`${name} is closed`)
  return new WfstoreError('failed', `cannot write to ${name}: ${error.message}`, { cause: error })
}
