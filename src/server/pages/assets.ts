import { createHash } from 'node:crypto'
import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style/style.ts'

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3.5" fill="#2563b0"/><path d="M3 5h7M3 8h10M3 11h5" stroke="#fff" stroke-width="1.8" stroke-linecap="round"/></svg>`

const asset = (name: string, extension: string, type: string, body: string) => {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 12)
  return { path: `/assets/${name}-${hash}.${extension}`, type, body }
}

/** The files of the pages. The hash of the content is part of the name, so a browser never asks for them again. */
export const ASSETS = {
  style: asset('style', 'css', 'text/css; charset=utf-8', STYLE),
  script: asset('script', 'js', 'text/javascript; charset=utf-8', SCRIPT),
  icon: asset('icon', 'svg', 'image/svg+xml', ICON),
}

export function addAssets(app: Hono<SiteEnv>, _site: Site): void {
  for (const { path, type, body } of Object.values(ASSETS)) {
    app.get(path, (context) =>
      context.body(body, 200, {
        'content-type': type,
        'cache-control': 'public, max-age=31536000, immutable',
      }),
    )
  }
}
