import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'core',
          include: ['tests/core/**/*.test.ts'],
          environment: 'node',
          testTimeout: 20_000
        }
      },
      {
        test: {
          name: 'page',
          include: ['tests/{view,lab,widget}/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          testTimeout: 20_000
        }
      }
    ]
  }
});
