import { join } from 'node:path'
import { build } from 'rolldown'

/**
 * A module in TypeScript with all that it imports, as one file for another process: Node 20 runs no TypeScript, and
 * another user may not read this checkout. Its imports are relative to `folder`.
 */
export async function bundle(text: string, folder: string): Promise<string> {
  const entry = join(folder, 'entry.ts')
  const { output } = await build({
    input: entry,
    platform: 'node',
    external: ['pg-native', 'pg-cloudflare'],
    write: false,
    // package.json says that our modules have no side effects; this one may be imported for them.
    treeshake: false,
    plugins: [
      {
        name: 'entry',
        resolveId: (source) => (source === entry ? entry : null),
        load: (id) => (id === entry ? text : null),
      },
    ],
    output: { format: 'esm', codeSplitting: false },
  })
  return output[0].code
}
