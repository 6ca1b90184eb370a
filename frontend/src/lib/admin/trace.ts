// An error's message as people read it: what went wrong first, where in the
// guest's code it happened apart. Pure.

export interface Trace {
  headline: string;
  /** The lines below the headline; null where there are none. */
  rest: string | null;
}

const BACKTRACE = /(?:: )?(?:error while executing at )?wasm backtrace:?/;

/**
 * The engine puts the backtrace first and the cause at the end; the cause is
 * what an operator wants to read first.
 */
export function trace(message: string): Trace {
  const lines = message.trim().split(/\r?\n/);
  const first = lines[0] ?? '';
  const at = first.search(BACKTRACE);
  const before = (at === -1 ? first : first.slice(0, at)).replace(/[:\s]+$/, '');
  const caused = message.split(/Caused by:\s*/)[1];
  const cause = caused
    ?.split(/\r?\n/)[0]
    ?.replace(/^\d+: /, '')
    .trim();
  const parts = [before, cause].filter((part) => part !== undefined && part !== '');
  const headline = at === -1 ? before : [...new Set(parts)].join(': ');
  const rest = at === -1 ? lines.slice(1).join('\n').trim() : message.trim();
  return { headline: headline || first, rest: rest === '' || rest === headline ? null : rest };
}
