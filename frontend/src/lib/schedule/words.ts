// A session's standing in words. Pure.

import type { Session, SessionState } from '../api/types';
import { stateAt } from './sessions';

export type Tone = 'live' | 'soon' | 'quiet' | 'warn' | 'off';

export interface Standing {
  word: string;
  tone: Tone;
}

const UNCONFIRMED: Standing = { word: 'To be confirmed', tone: 'warn' };
const BY_STATE: Record<SessionState, Standing> = {
  upcoming: { word: 'Upcoming', tone: 'quiet' },
  soon: { word: 'Starting soon', tone: 'soon' },
  live: { word: 'Live', tone: 'live' },
  overtime: { word: 'Live, may be finishing', tone: 'live' },
  finished: { word: 'Finished', tone: 'off' },
};

export function standing(session: Session, now: number): Standing {
  if (session.status === 'cancelled') return { word: 'Cancelled', tone: 'warn' };
  if (session.status === 'postponed') return { word: 'Postponed', tone: 'warn' };
  const state = stateAt(session, now);
  if (state === 'upcoming' && session.start === null) return UNCONFIRMED;
  if (state === 'upcoming' && session.status === 'changed') {
    return { word: 'Time changed', tone: 'warn' };
  }
  if (state === 'upcoming' && session.status === 'unconfirmed') return UNCONFIRMED;
  return BY_STATE[state];
}
