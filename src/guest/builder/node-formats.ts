/** What a bundle for a whole Node is: Node's modules stay imports, `await` stays `await`, packages are taken for Node. */

import type * as esbuild from 'esbuild';
import type { Formats } from './bundle.ts';
import type { Project } from './project.ts';

/** Where code of a bundle is told that it is. */
const FILE = '/tmp/function.js';

const NODE: esbuild.BuildOptions = {
  platform: 'node',
  target: 'node26',
  conditions: ['node', 'import', 'default'],
  mainFields: ['module', 'main'],
  inject: [],
  define: {
    'process.env.NODE_ENV': '"production"',
    'import.meta.url': `"file://${FILE}"`,
    'import.meta.filename': `"${FILE}"`,
    'import.meta.dirname': '"/tmp"',
    __filename: `"${FILE}"`,
    __dirname: '"/tmp"',
  },
};

/** CommonJS in a function of its own, so that names of the code's own may be those of its surroundings. */
const COMMON_JS: Formats['script'] = {
  opening: '((require)=>{const module={exports:{}},exports=module.exports;(()=>{',
  strictOpening: '((require)=>{"use strict";const module={exports:{}},exports=module.exports;(()=>{',
  options: { ...NODE, format: 'cjs', footer: { js: '})();return module.exports;})' } },
};

/** A script body reaches the outside by its `ctx` alone: it has no `require`. */
const BODY: Formats['script'] = {
  opening: '(()=>{',
  strictOpening: '(()=>{"use strict";',
  options: {
    ...NODE,
    define: { 'process.env.NODE_ENV': '"production"' },
    format: 'iife',
    globalName: '__exports',
    footer: { js: 'return __exports ?? {};})' },
  },
};

export const nodeFormats = ({ isScript }: Project): Formats => ({
  script: isScript ? BODY : COMMON_JS,
  module: NODE,
});
