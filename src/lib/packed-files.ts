/**
 * Packed files: a whole folder as one sequence of bytes, for a far side that unpacks it without a library.
 *
 *   u32 length of the list, little-endian | list: JSON `{ entry, files: [[path, size], …] }` | the contents, in that order
 */

export interface FileList {
  /** One of the files. */
  readonly entry: string;
  readonly files: readonly (readonly [path: string, size: number])[];
}

/** Files by their path, relative and with forward slashes; the caller has checked them. */
export function packFiles(files: ReadonlyMap<string, Uint8Array>, entry: string): Uint8Array {
  const ordered = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const list: FileList = { entry, files: ordered.map(([path, content]) => [path, content.length]) };
  const head = Buffer.from(`\0\0\0\0${JSON.stringify(list)}`);
  head.writeUInt32LE(head.length - 4, 0);
  return Buffer.concat([head, ...ordered.map(([, content]) => content)]);
}
