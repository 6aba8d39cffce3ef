import type { Define } from '../../command.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'

export const define: Define = (open, context, _, createProgram) => {
  open
    .argument('[path]', 'page to open, such as executions?status=failed')
    .description('Open the pages in the browser. Only this browser can read them, until Ctrl-C.')
  explain(open, {
    examples: ['wfstore open', 'wfstore open cost'],
  }).action(async (path = '') => {
    const { openPages } = await import('./open-pages.ts')
    await openPages(context, open.optsWithGlobals<GlobalOptions>(), path, createProgram)
  })
}
