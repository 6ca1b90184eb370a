// Files dragged over the page or a part of it, and dropped there.

import type { Attachment } from 'svelte/attachments';

interface Target {
  /** Told whether files hover. */
  over: (hovering: boolean) => void;
  drop: (files: File[]) => void;
}

// While files hover, `dragover` comes about three times a second. Its absence
// is the one sign of the end that cannot be missed: an element that vanishes
// under the pointer gets no `dragleave`.
const GONE_MS = 700;

export function dropTarget({ over, drop }: Target): Attachment<EventTarget> {
  return (element) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (): void => {
      clearTimeout(timer);
      over(false);
    };
    const ondragover = (event: Event): void => {
      if (filesOf(event) === null) return;
      // A target further in has them.
      if (event.defaultPrevented) return end();
      // Without this the browser opens the file in place of the page.
      event.preventDefault();
      clearTimeout(timer);
      timer = setTimeout(end, GONE_MS);
      over(true);
    };
    const ondrop = (event: Event): void => {
      const files = filesOf(event);
      if (files === null) return;
      end();
      // The innermost target takes them.
      if (!event.defaultPrevented && files.length > 0) drop(files);
      event.preventDefault();
    };
    element.addEventListener('dragover', ondragover);
    element.addEventListener('drop', ondrop);
    return () => {
      clearTimeout(timer);
      element.removeEventListener('dragover', ondragover);
      element.removeEventListener('drop', ondrop);
    };
  };
}

/** null: what is dragged is no file. */
function filesOf(event: Event): File[] | null {
  const { dataTransfer } = event as DragEvent;
  if (dataTransfer === null || !dataTransfer.types.includes('Files')) return null;
  return [...dataTransfer.files];
}
