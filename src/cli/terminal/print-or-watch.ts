import type { Context } from '../context.ts'
import type { GlobalOptions } from '../options/global.ts'
import type { WatchOptions } from '../options/watch.ts'
import { withProgress } from './progress.ts'
import type { Watched } from './watch.ts'

/** Prints once, or with --watch again and again. */
export async function printOrWatch<Source>(
  context: Context,
  options: GlobalOptions & WatchOptions,
  watched: Watched<Source>,
): Promise<void> {
  if (options.watch === undefined) {
    const writer = context.writer(options)
    return watched.draw(writer, await watched.open())
  }
  const { watch } = await import('./watch.ts')
  await watch(context, options, watched)
}

/** Shows progress while `work` runs; a screen that is drawn again and again shows its own. */
export const unlessWatching = <T>(
  { io }: Context,
  { watch }: WatchOptions,
  work: () => Promise<T>,
): Promise<T> => (watch === undefined ? withProgress(io, work) : work())
