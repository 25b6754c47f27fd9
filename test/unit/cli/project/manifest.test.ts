import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseManifest, schemaText } from '../../../../src/cli/project/manifest.ts';

const cordon = (text: string): unknown => parseManifest(text, 'cordon.toml', 'cordon');

test('every key of a function is read', () => {
  const text = `
tenant = "acme"
functions_dir = "fns"

[functions.hello]
enabled = true
entrypoint = "./fns/hello/main.ts"
import_map = "./import_map.json"
verify_jwt = false
pass_authorization = true
runtime = "node22"
tier = "isolate"
cordon = "function"
handler = "main"
handler_kind = "module"
timeout_ms = 5000
memory_mb = 64
limits = { cpu_ms = 500, subrequests = 0 }
minimum_wall = "namespaces"
request_body = "stream"
env = { A = "b" }
grant = ["REGION"]
cors = { origins = ["*"], methods = ["GET"], headers = ["x-a"], credentials = false, max_age_seconds = 60 }
egress = { allow = ["*.cdn.io"], refusal = "response" }
capabilities = ["kv", "db:write"]
code_generation = true
schedule = "*/5 * * * *"
public_domain = "hello.example.com"
active = true

[functions.on-post]
event = "items:posts:*"
`;
  const manifest = parseManifest(text, 'cordon.toml', 'cordon');
  assert.equal(manifest.functions?.['hello']?.timeout_ms, 5000);
  assert.deepEqual(manifest.functions?.['hello']?.egress, { allow: ['*.cdn.io'], refusal: 'response' });
  assert.equal(manifest.functions?.['on-post']?.event, 'items:posts:*');
  const written = [...Object.keys(manifest.functions['hello']), 'event'].sort();
  assert.deepEqual(written, Object.keys(keysOf('functions')).sort(), 'this test names every key that the reader knows');
});

test('what is not known, not valid or not TOML is said with file and line', () => {
  const cases: [string, RegExp][] = [
    [
      '[functions.a]\n\ntimeoutms = 1',
      /^cordon.toml:3: there is no key functions.a.timeoutms; did you mean timeout_ms\?$/,
    ],
    ['functoins_dir = "x"', /^cordon.toml:1: there is no key functoins_dir; did you mean functions_dir\?$/],
    [
      '[functions.a]\ncors = { origin = ["*"], origins = ["*"] }',
      /^cordon.toml:2: .+ functions.a.cors.origin; did you mean origins\?$/,
    ],
    ['[functions.a.egress]\nalow = []', /^cordon.toml:2: .+ functions.a.egress.alow; did you mean allow\?$/],
    [
      '[functions.a.limits]\nsubrequest = 5',
      /^cordon.toml:2: .+ functions.a.limits.subrequest; did you mean subrequests\?$/,
    ],
    ['[functions.a]\nlimits = { cpu_ms = 5 }', /^cordon.toml:2: functions.a.limits.cpu_ms: /],
    ['[functions.a]\ntimeout_ms = "5s"', /^cordon.toml:2: functions.a.timeout_ms: expected number, received string$/],
    ['[functions.a]\ntimeout_ms = 1.5', /^cordon.toml:2: functions.a.timeout_ms: expected int/],
    ['[functions.a]\ncapabilities = ["kv", "disk"]', /^cordon.toml:2: functions.a.capabilities.1: Invalid option/],
    ['[functions."x y"]', /^cordon.toml:1: "x y" is not a name of a function/],
    ['[functions.a]\ntier = "vm"', /^cordon.toml:2: functions.a.tier: Invalid option: expected one of "auto"/],
    [
      '[functions.a]\nschedule = "* * * * *"\nevent = "x"',
      /^cordon.toml:3: functions.a: schedule and event exclude each other$/,
    ],
    ['[functions.a\n', /^cordon.toml:1:\d+: /],
    ['[functions.__proto__]\ntier = "isolate"', /^cordon.toml:1:\d+: /],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => cordon(text),
      (error: Error) => error.name === 'CliError' && message.test(error.message),
      `${text} → ${String(errorOf(() => cordon(text)))}`,
    );
  }
});

test('of a Supabase file only the functions are read, and they are read as strictly', () => {
  const text = 'project_id = "x"\n[api]\nport = 1\n[functions.hello]\nverify_jwt = false\n';
  assert.deepEqual(parseManifest(text, 'config.toml', 'supabase'), { functions: { hello: { verify_jwt: false } } });
  assert.throws(() => parseManifest(`${text}verify = 1`, 'config.toml', 'supabase'), /config.toml:6: there is no key/);
});

test('the schema for editors is the one that is read by', () => {
  const file = readFileSync(new URL('../../../../schema/cordon.schema.json', import.meta.url), 'utf8');
  assert.deepEqual(
    JSON.parse(file),
    JSON.parse(schemaText()),
    'write schema/cordon.schema.json anew with schemaText()',
  );
});

test('every key that the schema knows is taken, and no other', () => {
  for (const [name, key] of Object.entries(keysOf('functions'))) {
    const error = errorOf(() => cordon(`[functions.a]\n${name} = ${exampleOf(key)}`));
    assert.equal(error, null, `${name}: ${String(error)}`);
  }
  assert.equal((JSON.parse(schemaText()) as Schema).additionalProperties, false);
});

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly required?: readonly string[];
}

function keysOf(top: string): Readonly<Record<string, Schema>> {
  const schema = JSON.parse(schemaText()) as Schema;
  const { properties, additionalProperties } = schema.properties![top]!.additionalProperties as Schema;
  assert.equal(additionalProperties, false);
  return properties!;
}

function exampleOf({ type, enum: choices, items, properties, required = [] }: Schema): string {
  if (choices !== undefined) return JSON.stringify(choices[0]);
  if (type === 'boolean') return 'true';
  if (type === 'integer') return '1';
  if (type === 'array') return `[${exampleOf(items!)}]`;
  if (type !== 'object') return '"x"';
  return `{ ${required.map((name) => `${name} = ${exampleOf(properties![name]!)}`).join(', ')} }`;
}

function errorOf(run: () => unknown): Error | null {
  try {
    run();
    return null;
  } catch (error) {
    return error as Error;
  }
}
