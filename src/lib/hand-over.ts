/**
 * Hand-over: how a classic script gives its value to the guest's bootstrap without a hop back to the host: it is the
 * argument of a call to a global that is there for that call alone.
 *
 * The builder makes a code cache of exactly the text that the executor compiles, so both build it here.
 */

export const HAND_OVER = '__cordon';

/** `expression` may end with a comment. */
export const handingOver = (expression: string): string => `${HAND_OVER}(${expression}\n)`;
