/**
 * The host's mounts that forbid running programs. An ordinary user may show a file of such a mount elsewhere only with
 * the same restriction, which has to be asked for by name.
 */

import { readFileSync, realpathSync } from 'node:fs';

export const readMounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

/** Whether the mount that a file or folder lies on is `noexec`. Throws when there is no such file. */
export function isNoexec(path: string, mountinfo: string): boolean {
  const real = realpathSync(path);
  let nearest = { point: '', options: '' };
  for (const line of mountinfo.split('\n')) {
    // proc_pid_mountinfo(5): the fifth field is the mount point, the sixth its own options. Later lines cover earlier.
    const [, , , , point = '', options = ''] = line.split(' ');
    const folder = unescape(point);
    if (isWithin(real, folder) && folder.length >= nearest.point.length) nearest = { point: folder, options };
  }
  return nearest.options.split(',').includes('noexec');
}

const isWithin = (path: string, folder: string): boolean =>
  folder !== '' && (path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`));

const unescape = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
