import type { Family } from '../../cli/output/formats/prometheus.ts'
import type { Site } from '../site.ts'
import { activityOf } from './activity.ts'

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx']

/** The numbers of the server itself. They need no query. @param isUp whether the store has answered */
export function serverFamilies(site: Site, isUp: boolean, started: Date): Family[] {
  const { answered, streams } = activityOf(site)
  const { running, waiting } = site.database.load()
  const gauge = (name: string, help: string, value: number, labels = {}): Family => ({
    name,
    help,
    type: 'gauge',
    samples: [{ labels, value }],
  })
  return [
    gauge('wfstore_up', 'Whether the store answered this scrape: 1 or 0.', Number(isUp)),
    gauge('wfstore_build_info', 'The version of the server, as a label.', 1, {
      version: site.version,
    }),
    gauge(
      'wfstore_start_time_seconds',
      'Start of the server, in seconds since 1970.',
      started.getTime() / 1000,
    ),
    {
      name: 'wfstore_http_requests_total',
      help: 'Answered requests by the class of their status.',
      type: 'counter',
      samples: CLASSES.map((code) => ({ labels: { code }, value: answered.get(code) ?? 0 })),
    },
    gauge('wfstore_queries_running', 'Requests that use the database.', running),
    gauge('wfstore_queries_waiting', 'Requests that wait for their turn on the database.', waiting),
    gauge('wfstore_event_streams', 'Clients of live updates.', streams()),
  ]
}
