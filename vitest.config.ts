import { defineConfig } from 'vitest/config'

declare module 'vitest' {
  interface TestTags {
    tags: 'slow'
  }
}

export default defineConfig({
  // As `imports` of package.json, whose target needs a build.
  resolve: { alias: { '#server': `${import.meta.dirname}/src/cli/commands/serve/mount.ts` } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    setupFiles: process.env.WFSTORE_TEST_CITUS_URL ? 'test/support/left-out.ts' : [],
    // A hang shall fail, slowness shall not: CI machines differ.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // The files of a worker share the modules that they import: to load src for each of them took a third of the CPU.
    isolate: false,
    tags: [
      {
        name: 'slow',
        description:
          'large volumes, random inputs, a crash at every step, long concurrency; `npm test` leaves them out',
        timeout: 600_000,
      },
    ],
  },
})
