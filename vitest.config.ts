import { defineConfig } from 'vitest/config'

declare module 'vitest' {
  interface TestTags {
    tags: 'slow'
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    // A hang shall fail, slowness shall not: CI machines differ.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
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
