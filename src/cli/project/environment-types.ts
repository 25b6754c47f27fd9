/**
 * Environment types: what TypeScript has to be told of a function's surroundings, beside the web's own types. The text is
 * what `cordon types` writes for a project.
 */

export const TYPES_FILE = 'cordon-env.d.ts';
/** A project's copy of the schema, which its manifest names for editors. */
export const SCHEMA_FILE = 'cordon.schema.json';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `names`: the variables that are known; a function may have others, which are then `string | undefined`. */
export function environmentTypes(names: readonly string[]): string {
  const known = [...new Set(names)].filter((name) => IDENTIFIER.test(name)).sort();
  const fields = known.map((name) => `  readonly ${name}: string;\n`).join('');
  return `${HEADER}
/** The environment of this project's functions. */
interface CordonEnv {
${fields}  readonly [name: string]: string | undefined;
}
${SURROUNDINGS}`;
}

const HEADER = `// Written by "cordon types": what functions find around them, beside the web's own API. Write it anew after you have
// changed cordon.toml or the secrets.
`;

const SURROUNDINGS = `
interface CordonUser {
  readonly id: string | null;
  readonly email: string | null;
  readonly roles: readonly string[];
}

/** The third argument of \`fetch(request, env, ctx)\`. */
interface CordonContext {
  readonly env: CordonEnv;
  readonly invocationId: string;
  /** Keeps the sandbox until the promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

/** What a script body (\`handler_kind = "script"\`) finds as \`ctx\`. */
interface CordonScriptContext<Data = any> {
  /** The body of the request, or \`{ event, data }\`, or \`{ firedAt, pattern }\`. */
  readonly data: Data;
  /** Who called; all null for what an event or a schedule started. */
  readonly user: CordonUser;
  readonly request: Request;
  readonly env: CordonEnv;
  waitUntil(promise: Promise<unknown>): void;
}

declare const ctx: CordonScriptContext;
declare const env: CordonEnv;

declare const EdgeRuntime: {
  waitUntil(promise: Promise<unknown>): void;
};

declare namespace Deno {
  type ServeHandler = (request: Request) => Response | Promise<Response>;
  const env: {
    get<Name extends string>(name: Name): CordonEnv[Name];
    has(name: string): boolean;
    toObject(): Record<string, string>;
  };
  function serve(handler: ServeHandler): object;
  function serve(options: object, handler: ServeHandler): object;
  function serve(options: { readonly handler: ServeHandler }): object;
}
`;
