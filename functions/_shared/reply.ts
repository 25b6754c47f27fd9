/** What several functions say in the same way. Folders that begin with an underscore are no functions. */

export const reply = (value: unknown, status = 200): Response => Response.json(value, { status });
