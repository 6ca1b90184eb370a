// The engine has `URL`, but not `URL.canParse`.

/** The URL, or undefined where it is none. */
export function parsed(link, base) {
  try {
    return new URL(link, base);
  } catch {
    return undefined;
  }
}
