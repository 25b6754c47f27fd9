/** The URL standard's parser, from whatwg-url; evaluated when a URL comes that is not plain. */

export {
  basicURLParse,
  cannotHaveAUsernamePasswordPort,
  hasAnOpaquePath,
  serializeHost,
  serializePath,
  serializeURL,
  serializeURLOrigin,
  setThePassword,
  setTheUsername,
} from 'whatwg-url/lib/url-state-machine.js';
export { parseUrlencodedString } from 'whatwg-url/lib/urlencoded.js';
