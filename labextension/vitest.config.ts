import { defineConfig } from 'vitest/config';
import { catalogues } from './scripts/catalogues.mjs';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'core',
          // A world for each file costs more than its tests.
          isolate: false,
          include: ['tests/{core,words}/**/*.test.ts'],
          environment: 'node',
          setupFiles: ['tests/seeded.ts'],
          testTimeout: 20_000
        }
      },
      {
        resolve: { alias: catalogues },
        test: {
          name: 'page',
          isolate: false,
          include: ['tests/{view,lab,widget,versions}/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          setupFiles: ['tests/seeded.ts', 'tests/view/setup.ts'],
          testTimeout: 20_000
        }
      }
    ]
  }
});
