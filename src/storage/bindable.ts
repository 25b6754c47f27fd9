/** Bindable: values as both engines can keep them. */

/**
 * PostgreSQL refuses NUL in text, and one line of one function would take the lines of all others in its lot with it; so
 * that a database can move between the engines, neither keeps it.
 */
export function bindable(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}
