// A program that a test talks to: commands come as lines of JSON, what happens goes out as such.
import { createInterface } from 'node:readline';

export function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

export function obey(commands) {
  createInterface({ input: process.stdin })
    .on('line', line => {
      const { do: name, ...rest } = JSON.parse(line);
      commands[name](rest);
    })
    .on('close', () => process.exit(0));
}
