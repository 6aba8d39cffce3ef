import { Writable } from 'node:stream'

/** The output of a command: held until the command ends, or streamed if there is more than `most`. */
export interface Output {
  stdout: Writable
  /** Resolves if the output is streamed. A slow reader slows the command. */
  opened: Promise<ReadableStream<Uint8Array>>
  /** What is held. */
  text: () => string
  /** Ends a stream. With an error it breaks, so that a part never looks like the whole. */
  end: (error?: unknown) => void
}

/**
 * @param most characters that are held
 * @param onCancel called when the reader of a stream leaves
 */
export function holdOutput(most: number, onCancel: (reason: unknown) => void = () => {}): Output {
  const encoder = new TextEncoder()
  let held = ''
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let resume: (() => void) | undefined
  let open: (stream: ReadableStream<Uint8Array>) => void
  const opened = new Promise<ReadableStream<Uint8Array>>((resolve) => {
    open = resolve
  })
  const next = () => {
    const go = resume
    resume = undefined
    go?.()
  }
  const start = () => {
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (one) => {
          controller = one
        },
        pull: next,
        cancel: (reason) => {
          onCancel(reason)
          stdout.destroy()
        },
      },
      { highWaterMark: QUEUED, size: (chunk) => chunk?.byteLength ?? 0 },
    )
    open(stream)
  }
  const stdout = new Writable({
    decodeStrings: false,
    write: (chunk, _, done) => {
      held += String(chunk)
      if (!controller && held.length > most) start()
      if (!controller) return done()
      controller.enqueue(encoder.encode(held))
      held = ''
      if ((controller.desiredSize ?? 0) > 0) done()
      else resume = done
    },
    destroy: (error, done) => {
      done(error)
      next()
    },
  })
  return {
    stdout,
    opened,
    text: () => held,
    end: (error) => {
      if (error !== undefined) controller?.error(error)
      else controller?.close()
    },
  }
}

/** Bytes that wait for the network. */
const QUEUED = 65_536
