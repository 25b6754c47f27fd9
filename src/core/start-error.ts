/** Why Cordon can't start. The message is for the operator, and says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
