/** What landlock lets a walled process do with files. Rights are those of linux/landlock.h. */

import type { LandlockOrder } from './inside/enter.ts';
import type { Bind } from './minimal-root.ts';
import { isShared } from './minimal-root.ts';
import { NO_FFI } from './entry.ts';
import type { WalledCommand } from './wall.ts';

const EXECUTE = 0x1;
