#!/usr/bin/env node
// The launcher, in JavaScript that old versions of Node can read: Cordon itself needs the Node that is one of its
// dependencies, so whatever Node started this hands over to that one.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 26;

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  start();
} else {
  handOver(findBundledNode());
}

function start() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  // Half of what a start costs is reading sources that have not changed. Where nothing can be kept, nothing is.
  module.enableCompileCache(join(root, 'node_modules', '.cache', 'cordon-compile'));
  const fromSource = existsSync(join(root, 'src', 'cli', 'main.ts'));
  void import(fromSource ? '../src/cli/main.ts' : '../dist/cli/main.js')
    .then(({ main }) => main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    });
}

function findBundledNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(path)) return path;
  } catch {
    // Not installed: said below.
  }
  console.error(
    `Cordon needs Node ${NEEDED_MAJOR}, this is Node ${process.versions.node}, and the one that Cordon brings along is missing.\n` +
      'Run "npm ci" in its folder, and allow install scripts: the package "node" fetches its binary in one ' +
      '("npm config get ignore-scripts" must say false).',
  );
  process.exit(1);
}

function handOver(node) {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  // A terminal signals its whole group, so the child may hear of it twice; it takes the two for one.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`Cordon's own Node does not start: ${error.message}. Run "npm ci" again.`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}
