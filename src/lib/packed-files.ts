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

/** What {@link packFiles} packed; contents are views. Throws an Error for bytes that are nothing of the kind. Paths are not checked. */
export function unpackFiles(packed: Uint8Array): { readonly entry: string; readonly files: Map<string, Uint8Array> } {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const start = bytes.length < 4 ? Infinity : 4 + bytes.readUInt32LE(0);
  if (start > bytes.length) throw new Error('the list of packed files is cut off');
  const { entry, files } = JSON.parse(bytes.toString('utf8', 4, start)) as Partial<FileList>;
  if (typeof entry !== 'string' || !Array.isArray(files)) throw new Error('the list of packed files is none');
  const unpacked = new Map<string, Uint8Array>();
  let at = start;
  for (const file of files as readonly unknown[]) {
    const [path, size] = Array.isArray(file) ? (file as unknown[]) : [];
    if (typeof path !== 'string' || !Number.isSafeInteger(size) || (size as number) < 0)
      throw new Error('the list of packed files names what is none');
    unpacked.set(path, bytes.subarray(at, (at += size as number)));
  }
  if (at !== bytes.length) throw new Error('the packed files are not as long as their list says');
  return { entry, files: unpacked };
}
