import type { TraceFinding, TraceFindingName } from './check.ts'

/** What a finding says if it has no detail of its own. */
const DETAILS: Record<TraceFindingName, (detail: string) => string> = {
  error: (detail) => `cannot be stored: ${detail}`,
  calls_lost: (detail) => detail || 'calls were lost',
  no_root: () => 'its root span did not arrive',
  no_usage: () => 'calls without reported tokens',
  no_price: (detail) => `no price for ${detail}`,
  sampled: () => 'its exporter sends a sample, so other traces are missing',
  counted_elsewhere: (detail) => `another trace has this call${detail && `: ${detail}`}`,
}

/** A finding in words. */
export function detailOf({ finding, detail }: TraceFinding): string | null {
  return (DETAILS[finding] as typeof DETAILS.error | undefined)?.(detail ?? '') ?? detail
}
