// How scripts that write begin.

/** The engine lets the script write when memory is short: between EXEC's check and the script the arguments alone can
 * fill what was left, and a script that is refused inside a transaction would be lost. */
export const EVEN_WHEN_FULL = '#!lua flags=allow-oom\n';
