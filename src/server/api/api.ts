import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'

/** `/api/v1/…`: what the commands answer. */
export function addApi(_app: Hono<SiteEnv>, _site: Site): void {}
