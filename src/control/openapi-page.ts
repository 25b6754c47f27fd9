/** OpenAPI page: the API's document as a page to read. It is rendered here, runs no script and loads nothing. */

import { createHash } from 'node:crypto';
import { escaped, fieldsOf, rowOf, typeOf, type JsonSchema } from './openapi-schema.ts';

/** What is read of the document; anything may be missing. */
export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: JsonSchema;
  }[];
  readonly requestBody?: { readonly description?: string; readonly content?: Content };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema?: JsonSchema }>>;

export interface RenderedPage {
  readonly html: string;
  /** Allows the page's own style and nothing else. */
  readonly contentSecurityPolicy: string;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

export function renderOpenApiPage(document: OpenApiDocument): RenderedPage {
  const title = escaped(document.info.title);
  const groups = groupsOf(document);
  const schemas = Object.entries(document.components?.schemas ?? {}) as [string, JsonSchema][];
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<nav aria-label="Contents"><ul>
${groups.map(([group]) => `<li><a href="#${idOf(group)}">${escaped(group)}</a></li>`).join('\n')}
<li><a href="#schemas">Schemas</a></li>
</ul></nav>
<main>
<h1>${title}</h1>
<p>Send a token as <code>Authorization: Bearer &lt;token&gt;</code> or <code>Token &lt;token&gt;</code>. A path may end with a slash. Errors are problem details (RFC 9457). The same as a document: <a href="/openapi.json">/openapi.json</a>.</p>
${document.info.description === undefined ? '' : `<p>${escaped(document.info.description)}</p>`}
${groups.map(([group, operations]) => `<section id="${idOf(group)}"><h2>${escaped(group)}</h2>${operations.join('')}</section>`).join('\n')}
<section id="schemas"><h2>Schemas</h2>
${schemas.map(([name, schema]) => schemaOf(name, schema)).join('\n')}
</section>
</main>
</body>
</html>
`;
  return { html, contentSecurityPolicy: POLICY };
}

/** By the first word of the path that is not the API's own. */
function groupsOf({ paths = {} }: OpenApiDocument): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    const group = path.split('/').find((part) => part !== '' && part !== 'api' && !/^v\d+$/.test(part)) ?? path;
    const operations = groups.get(group) ?? [];
    groups.set(group, operations);
    for (const method of METHODS) {
      const operation = methods[method];
      if (operation !== undefined) operations.push(operationOf(method, path, operation as Operation));
    }
  }
  return [...groups];
}

function operationOf(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).map((parameter) =>
    rowOf(`${parameter.name} (${parameter.in})`, parameter.schema ?? {}, parameter.required === true),
  );
  const responses = Object.entries(operation.responses ?? {}).map(
    ([status, response]) =>
      `<dt>${status === 'default' ? 'any other status' : escaped(status)}</dt>` +
      `<dd>${escaped(response.description ?? '')}${contentOf(response.content)}</dd>`,
  );
  return (
    `<article><h3><span class="method">${method.toUpperCase()}</span> <code>${escaped(path)}</code></h3>` +
    `<p>${escaped(operation.summary ?? '')}</p>` +
    (parameters.length === 0 ? '' : `<h4>Parameters</h4><table><tbody>${parameters.join('')}</tbody></table>`) +
    (operation.requestBody === undefined ? '' : `<h4>Body</h4>${contentOf(operation.requestBody.content)}`) +
    `<h4>Answers</h4><dl>${responses.join('')}</dl></article>`
  );
}

function contentOf(content: Content | undefined): string {
  return Object.entries(content ?? {})
    .map(([type, { schema = {} }]) => `<p>${escaped(type)}: ${typeOf(schema)}</p>${fieldsOf(schema)}`)
    .join('');
}

function schemaOf(name: string, schema: JsonSchema): string {
  const text = schema.description === undefined ? '' : `<p>${escaped(schema.description)}</p>`;
  return `<article id="schema-${escaped(name)}"><h3>${escaped(name)}</h3>${text}${fieldsOf(schema) || `<p>${typeOf(schema)}</p>`}</article>`;
}

const idOf = (group: string): string => `group-${group.replaceAll(/[^A-Za-z0-9_-]/g, '-')}`;

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --link: #a8c7fa; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: flex; gap: 2rem; }
nav { position: sticky; top: 0; align-self: start; padding: 1.5rem 0 1.5rem 1.5rem; max-height: 100vh; overflow: auto; }
nav ul { list-style: none; margin: 0; padding: 0; }
main { flex: 1; min-width: 0; max-width: 60rem; padding: 0 1.5rem 4rem; }
a { color: var(--link); }
article { border-top: 1px solid var(--line); padding: .5rem 0; }
h3 { font-size: 1rem; margin: .75rem 0 .25rem; overflow-wrap: anywhere; }
h4 { font-size: .875rem; margin: .75rem 0 .25rem; }
p { margin: .25rem 0; }
.method { display: inline-block; min-width: 4rem; }
code { font-family: ui-monospace, monospace; font-size: .9em; background: var(--soft); padding: 0 .2em; border-radius: 3px; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem .25rem 0; border-bottom: 1px solid var(--line); font-weight: normal; overflow-wrap: anywhere; }
dt { float: left; clear: left; min-width: 4rem; margin-right: 1rem; }
dd { margin: 0 0 .5rem 5rem; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; padding: 1rem 1.5rem 0; } nav li { display: inline-block; margin-right: 1rem; } }
`;

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
