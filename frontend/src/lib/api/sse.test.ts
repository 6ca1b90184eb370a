import { expect, test, vi } from 'vitest';
import { Parser, readEvents, type ServerEvent } from './sse';

function parse(...pieces: string[]): ServerEvent[] {
  const parser = new Parser();
  return pieces.flatMap((piece) => parser.push(piece));
}

const SITE_A = { event: 'plugins', data: '{"key":"site-a"}' };

test.each<[string, string[], ServerEvent[]]>([
  ['a whole event', ['event: plugins\ndata: {"key":"site-a"}\n\n'], [SITE_A]],
  ['no space after the colon', ['event:plugins\ndata:{"key":"site-a"}\n\n'], [SITE_A]],
  ['CRLF', ['event: plugins\r\ndata: {"key":"site-a"}\r\n\r\n'], [SITE_A]],
  ['CR alone', ['event: plugins\rdata: {"key":"site-a"}\r\rx'], [SITE_A]],
  ['CRLF cut in half', ['event: plugins\r', '\ndata: {"key":"site-a"}\r\n', '\r\n'], [SITE_A]],
  ['no name', ['data: x\n\n'], [{ event: 'message', data: 'x' }]],
  ['several data lines', ['data: a\ndata: b\n\n'], [{ event: 'message', data: 'a\nb' }]],
  ['an id and a retry', ['id: 7\nretry: 5\ndata: x\n\n'], [{ event: 'message', data: 'x' }]],
  ['a comment', [': still here\n\n'], []],
  ['a name without data', ['event: plugins\n\n'], []],
  ['an event cut off by the end', ['event: plugins\ndata: x\n'], []],
  [
    'two events, the second unnamed',
    ['event: a\ndata: 1\n\ndata: 2\n\n'],
    [
      { event: 'a', data: '1' },
      { event: 'message', data: '2' },
    ],
  ],
])('%s', (_, pieces, expected) => expect(parse(...pieces)).toEqual(expected));

test('cut anywhere, an event is the same', () => {
  const whole = ': hello\r\nevent: plugins\r\ndata: {"key":"site-a"}\r\n\r\n';
  for (let at = 0; at <= whole.length; at += 1) {
    expect(parse(whole.slice(0, at), whole.slice(at))).toEqual([SITE_A]);
  }
});

test.each([
  ['one endless line', 'data: ' + 'x'.repeat(70_000)],
  ['endless lines', 'data: xxxxxxxxx\n'.repeat(7_000)],
])('%s is no event of ours', (_, text) => {
  expect(() => parse(text)).toThrow(RangeError);
});

test('reads bytes to their end, letters cut in half included, and hears comments', async () => {
  const bytes = new TextEncoder().encode(': …\n\ndata: Spa-Francorchamps – é\n\n');
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const heard = vi.fn();
  const events: ServerEvent[] = [];
  await readEvents(body, heard, (event) => events.push(event));
  expect(events).toEqual([{ event: 'message', data: 'Spa-Francorchamps – é' }]);
  expect(heard).toHaveBeenCalledTimes(bytes.length);
});

test('gives the connection back when an event is none of ours', async () => {
  const cancelled = vi.fn();
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(80_000).fill(0x78)),
    cancel: cancelled,
  });
  await expect(readEvents(body, vi.fn(), vi.fn())).rejects.toThrow(RangeError);
  expect(cancelled).toHaveBeenCalled();
});
