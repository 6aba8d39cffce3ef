import type { MiddlewareHandler } from 'hono'
import type { Site, SiteEnv } from '../site.ts'

/** What a server has done and is doing, for /metrics. */
export interface Activity {
  /** Requests by the class of their status: '2xx'. */
  answered: Map<string, number>
  /** Clients of live updates. */
  streams: () => number
}

const activities = new WeakMap<Site, Activity>()

export function activityOf(site: Site): Activity {
  const known = activities.get(site)
  if (known) return known
  const activity: Activity = { answered: new Map(), streams: () => 0 }
  activities.set(site, activity)
  return activity
}

/** Counts a request when its status is known. */
export function counted(site: Site): MiddlewareHandler<SiteEnv> {
  const { answered } = activityOf(site)
  return async (context, next) => {
    await next()
    const status = `${Math.floor(context.res.status / 100)}xx`
    answered.set(status, (answered.get(status) ?? 0) + 1)
  }
}
