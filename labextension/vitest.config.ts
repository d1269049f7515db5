import { defineConfig } from 'vitest/config';
import { catalogues } from './scripts/catalogues.mjs';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'core',
          include: ['tests/{core,words}/**/*.test.ts'],
          environment: 'node',
          testTimeout: 20_000
        }
      },
      {
        resolve: { alias: catalogues },
        test: {
          name: 'page',
          include: ['tests/{view,lab,widget,versions}/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          testTimeout: 20_000
        }
      }
    ]
  }
});
