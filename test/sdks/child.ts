import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Servers {
  /** The URL of the model server. */
  models: string
  /** Where spans go: http://127.0.0.1:4318 */
  otlp: string
}

/** Runs a program of Node as an application: the environment says where the model and the endpoint for spans are. */
export async function runApplication(
  words: readonly string[],
  { models, otlp }: Servers,
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const { stdout } = await run(process.execPath, [...words], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: {
      PATH: process.env.PATH,
      OPENAI_API_KEY: 'key-of-the-test',
      OPENAI_BASE_URL: `${models}/v1`,
      ANTHROPIC_API_KEY: 'key-of-the-test',
      ANTHROPIC_BASE_URL: `${models}/v1`,
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp,
      TRACELOOP_BASE_URL: otlp,
      ...options.env,
    },
  })
  return stdout
}
