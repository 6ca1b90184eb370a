// The reader's choice of zone, kept in this browser.

import { isZoneChoice, type ZoneChoice } from './zone';

const KEY = 'f1-streams.zone';

class ZonePreference {
  #choice = $state<ZoneChoice>(read());

  get choice(): ZoneChoice {
    return this.#choice;
  }

  set choice(choice: ZoneChoice) {
    this.#choice = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Storage can be off; the choice then lasts as long as the page.
    }
  }
}

function read(): ZoneChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return isZoneChoice(stored) ? stored : 'local';
  } catch {
    return 'local';
  }
}

export const zone = new ZonePreference();
