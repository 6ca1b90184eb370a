// Server-sent events, read from any stream of bytes: `EventSource` does not say
// that a login is needed. Only what the host uses: `event`, `data`, comments.

// An event of ours is a key and a word; a line beyond this is no event of ours.
const MAX_BUFFER = 64 * 1024;

export interface ServerEvent {
  /** "message" where the server named none. */
  event: string;
  data: string;
}

/** Takes text in pieces of any size; gives the events that they complete. */
export class Parser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #size = 0;

  /** Throws a RangeError when an event is larger than any of ours. */
  push(text: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    // A carriage return at the very end may be half a line end.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = line === '' ? this.#complete() : this.#field(line);
      if (event !== null) found.push(event);
    }
    if (this.#rest.length + this.#size > MAX_BUFFER) throw new RangeError('event too large');
    return found;
  }

  #field(line: string): null {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#event = value;
    if (name === 'data') {
      this.#data.push(value);
      this.#size += value.length + 1;
    }
    return null;
  }

  #complete(): ServerEvent | null {
    const data = this.#data.join('\n');
    const event = this.#event === '' ? 'message' : this.#event;
    const empty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    this.#size = 0;
    return empty ? null : { event, data };
  }
}

/**
 * Reads until the stream ends or breaks. `onheard` is called for every piece
 * that comes, also for the comments that only keep the connection alive.
 */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  onheard: () => void,
  onevent: (event: ServerEvent) => void,
): Promise<void> {
  const parser = new Parser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onheard();
      for (const event of parser.push(decoder.decode(value, { stream: true }))) onevent(event);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
