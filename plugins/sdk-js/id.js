// Stream ids from what a site calls its streams.

/**
 * Any text as a stream's id: letters, digits, `-` and `_` stay, every other run
 * becomes one `-`, never at an end. A text of which nothing would be left becomes
 * a number made of it. The same ids as the Rust SDK's.
 */
export function id(text) {
  const joined = text.replace(/[^A-Za-z0-9_]+/g, '-').replace(/^-/, '');
  return joined.slice(0, 64).replace(/-$/, '') || `s${fnv(text).toString(16).padStart(16, '0')}`;
}

function fnv(text) {
  const mixed = (hash, byte) => BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return new TextEncoder().encode(text).reduce(mixed, 0xcbf29ce484222325n);
}
