/** URLPattern, from urlpattern-polyfill. */

import { URLPattern } from 'urlpattern-polyfill/urlpattern';
import { defineInterface } from './interface.ts';

defineInterface(URLPattern, 'URLPattern');

export { URLPattern };
