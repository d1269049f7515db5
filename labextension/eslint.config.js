import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const react = ['react', 'react/*', 'react-dom', 'react-dom/*', '@tanstack/*'];
const jupyter = ['@jupyterlab/*', '@lumino/*', '@jupyter/*'];

/** Imports go one way: core ← view ← lab, widget. */
function mayNotImport(room, rooms, packages) {
  return {
    files: [`src/${room}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...rooms.map(other => ({
              group: [`**/${other}/**`, `**/${other}`],
              message: `src/${room} may not know src/${other}.`
            })),
            ...(packages.length > 0
              ? [{ group: packages, message: `src/${room} may not know this package.` }]
              : [])
          ]
        }
      ]
    }
  };
}

export default defineConfig(
  globalIgnores(['lib/', 'node_modules/', 'tests/versions/*.mjs']),
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true }
      ],
      '@typescript-eslint/no-this-alias': ['error', { allowedNames: ['entry', 'above'] }],
      // The other rule forbids what this one asks for.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      eqeqeq: 'error'
    }
  },
  { files: ['**/*.tsx'], extends: [jsxA11y.flatConfigs.strict] },
  {
    // Of the shown components only: they compile what they look at, a fifth of all the time that linting takes.
    files: ['src/**/*.tsx'],
    plugins: { 'react-hooks': reactHooks },
    rules: reactHooks.configs.recommended.rules
  },
  {
    files: ['tests/**/*.{ts,tsx}'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' }
  },
  {
    files: ['scripts/*.mjs', '*.config.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } }
  },
  mayNotImport('core', ['view', 'lab', 'widget'], [...react, ...jupyter, '@anywidget/*']),
  mayNotImport('view', ['lab', 'widget'], [...jupyter, '@anywidget/*']),
  mayNotImport('lab', ['widget'], ['@anywidget/*']),
  mayNotImport('widget', ['lab'], jupyter),
  prettier
);
