import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'

/** The routes of the application that wfstore replaces. */
export function addOldRoutes(_app: Hono<SiteEnv>, _site: Site): void {}
