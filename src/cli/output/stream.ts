import { WfstoreError } from '../../error.ts'

/** Whoever read our output has gone: `| head`. Not a failure; the caller ends quietly. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe'
}

export interface GuardedStream {
  /** Resolves when the stream takes more. Rejects with ClosedPipe, or with what else befell it. */
  write(text: string): Promise<void>
  /** Resolves when all that was written has left. */
  flush(): Promise<void>
}

/** What a stream says when its reader has gone, on Unix, on Windows, and once it has been torn down. */
const CLOSED = ['EPIPE', 'EOF', 'ERR_STREAM_DESTROYED']

const guarded = new WeakMap<NodeJS.WritableStream, GuardedStream>()

/**
 * Takes the errors of a stream, which would otherwise end the process, and gives them to the next writer.
 * The same stream always has the same guard.
 */
export function guardStream(stream: NodeJS.WritableStream, name = 'stdout'): GuardedStream {
  const known = guarded.get(stream)
  if (known) return known
  let failure: NodeJS.ErrnoException | undefined
  let last = Promise.resolve()
  const check = () => {
    if (failure) throw asOurs(failure, name)
  }
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error
  })
  const made: GuardedStream = {
    async write(text) {
      check()
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
  }
  guarded.set(stream, made)
  return made
}

function asOurs(error: NodeJS.ErrnoException, name: string): Error {
  if (CLOSED.includes(error.code ?? '')) return new ClosedPipe(`${name} is closed`)
  return new WfstoreError('failed', `cannot write to ${name}: ${error.message}`, { cause: error })
}
