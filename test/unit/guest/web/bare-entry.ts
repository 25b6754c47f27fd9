/** What the tests of the guest bundle: the parts that an engine's bootstrap puts together. */

import { AdapterFault } from '../../../../src/guest/handler/adapter-fault.ts';
import { installHandlerGlobals, resolveHandler } from '../../../../src/guest/handler/adapter.ts';
import { harden } from '../../../../src/guest/web/harden.ts';
import { installWeb } from '../../../../src/guest/web/index.ts';

export default { AdapterFault, harden, installHandlerGlobals, installWeb, resolveHandler };
