import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'

export function addHealth(_app: Hono<SiteEnv>, _site: Site): void {}
