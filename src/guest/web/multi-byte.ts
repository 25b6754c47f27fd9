/** The legacy multi-byte encodings, with 150 KB of tables: evaluated when somebody decodes one of them. */

export { createMultibyteDecoder } from '@exodus/bytes/multi-byte.js';
