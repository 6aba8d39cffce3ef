import type { Define } from '../../command.ts'
import { explain } from '../../help/page.ts'
import { addServeOptions, type ServeFlags } from './options.ts'

export const define: Define = (serve, context, _, createProgram) => {
  addServeOptions(serve).description(
    'Serve pages, an API and metrics over HTTP until it is interrupted.',
  )
  explain(serve, {
    examples: ['wfstore serve --listen 0.0.0.0:443 --tls-cert tls.crt --tls-key tls.key'],
  }).action(async () => {
    const { serveSite } = await import('./run.ts')
    await serveSite(context, serve.optsWithGlobals<ServeFlags>(), createProgram)
  })
}
