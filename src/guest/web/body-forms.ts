/** Bodies as a Blob or a FormData, by the Content-Type that their headers name. */

import type { Blob } from './blob.ts';
import type { FormData } from './form-data.ts';
import { mimeTypeOfHeader, parameterOf, serializeMimeType } from './mime-type.ts';
import * as modules from './modules.ts';
import { decodeText, parseMultipart } from './multipart-parser.ts';
import { stringify, stringSlice, TypeError } from './primordials.ts';
import { parseQuery } from './url-query.ts';
import { encodeUtf8 } from './utf8.ts';

/** The bytes become the Blob's own. */
export function blobOfBody(bytes: Uint8Array, contentType: string | null): Blob {
  const type = mimeTypeOfHeader(contentType);
  return modules.blob().makeBlob(bytes, type === null ? '' : serializeMimeType(type));
}

/** Throws a TypeError where the body is not of a form's type, or not in its form. The bytes become the form's own. */
export function formOfBody(whole: string | Uint8Array, contentType: string | null): FormData {
  const { formOf } = modules.formData();
  const type = mimeTypeOfHeader(contentType);
  switch (type?.essence) {
    case 'multipart/form-data':
      return formOf(
        parseMultipart(typeof whole === 'string' ? encodeUtf8(whole) : whole, parameterOf(type, 'boundary')),
      );
    case 'application/x-www-form-urlencoded':
      return formOf(parseQuery(typeof whole === 'string' ? whole : decodeText(whole)));
    default:
      throw new TypeError(
        `formData() reads multipart/form-data and application/x-www-form-urlencoded, and the Content-Type is ${
          contentType === null ? 'missing' : stringify(stringSlice(contentType, 0, 100))
        }`,
      );
  }
}
