// Hands bytes to the browser as a file. A plain link would save a refusal under
// the name of what was asked for.

// Long enough for the browser to have begun to write.
const KEEP_MS = 60_000;

export function save(blob: Blob, name: string): void {
  // Whatever the host calls it, it is never rendered in this origin.
  const url = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
}
