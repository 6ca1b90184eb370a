// Whether the single-key shortcuts are on, kept in this browser.

const KEY = 'f1-streams.shortcuts';

class ShortcutsPreference {
  #enabled = $state(read());

  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    this.#enabled = enabled;
    try {
      localStorage.setItem(KEY, enabled ? 'on' : 'off');
    } catch {
      // Storage can be off; the choice then lasts as long as the page.
    }
  }
}

function read(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

export const shortcutsPreference = new ShortcutsPreference();
