// Puts one stream's media into a <video>: hls.js where the browser has Media
// Source Extensions, the browser's own HLS where it has not. The only place
// that loads hls.js.

import type HlsClass from 'hls.js';
import type { ErrorData, HlsConfig } from 'hls.js';
import type { Failure } from './failover';

export interface Source {
  /** A fresh decoder on the same stream. */
  recover(): void;
  /** Where "live" is: as close to the edge as plays without stalling. */
  livePosition(): number | null;
  /** Seconds behind the live edge. */
  latency(): number | null;
  detach(): void;
}

export interface Report {
  failed(failure: Failure, why: string): void;
  /** It was refused, or may have been: perhaps a login has ended. */
  refused(why: string): void;
  received(): void;
}

// Measured against hanging and failing origins: the defaults wait up to a
// minute before they say anything, which is longer than a viewer does. A live
// playlist may be held until its next segment is there, so it gets longer.
const LOADING: Partial<HlsConfig> = {
  manifestLoadPolicy: policy(4_000, 6_000, 1),
  playlistLoadPolicy: policy(9_000, 12_000, 1),
  fragLoadPolicy: policy(5_000, 12_000, 2),
};

// How far from the end a browser that plays HLS by itself is safe.
const NATIVE_EDGE_SECONDS = 6;

export async function attach(
  video: HTMLVideoElement,
  url: string,
  report: Report,
): Promise<Source> {
  const hasMediaSource = 'MediaSource' in globalThis || 'ManagedMediaSource' in globalThis;
  if (hasMediaSource) {
    const { default: Hls } = await import('hls.js');
    if (Hls.isSupported()) return attachHls(Hls, video, url, report);
  }
  if (video.canPlayType('application/vnd.apple.mpegurl') !== '') {
    return attachNative(video, url, report);
  }
  throw new Error('This browser cannot play HLS streams.');
}

function attachHls(
  Hls: typeof HlsClass,
  video: HTMLVideoElement,
  url: string,
  report: Report,
): Source {
  // Without liveDurationInfinity the controls take a live stream for a film.
  const hls = new Hls({ ...LOADING, liveDurationInfinity: true, backBufferLength: 30 });
  hls.on(Hls.Events.ERROR, (_, data: ErrorData) => {
    if (!data.fatal) return;
    if (data.response?.code === 401) return report.refused(explain(data));
    const media = data.type === Hls.ErrorTypes.MEDIA_ERROR;
    report.failed(media ? 'media' : 'network', explain(data));
  });
  for (const event of [
    Hls.Events.MANIFEST_LOADED,
    Hls.Events.LEVEL_LOADED,
    Hls.Events.FRAG_LOADED,
  ] as const) {
    hls.on(event, () => report.received());
  }
  // A fragment that is on its way when content steering takes another pathway is
  // dropped, and hls.js 1.7 waits for it for ever.
  let pathway: string | undefined;
  hls.on(Hls.Events.MANIFEST_PARSED, (_, { levels }) => (pathway = levels[0]?.pathwayId));
  hls.on(Hls.Events.LEVELS_UPDATED, (_, { levels }) => {
    if (levels[0]?.pathwayId === pathway) return;
    pathway = levels[0]?.pathwayId;
    setTimeout(() => {
      if (hls.url === null) return;
      hls.stopLoad();
      hls.startLoad();
    });
  });
  hls.attachMedia(video);
  hls.loadSource(url);
  return {
    recover: () => hls.recoverMediaError(),
    livePosition: () => hls.liveSyncPosition,
    latency: () => (hls.latency > 0 ? hls.latency : null),
    detach: () => hls.destroy(),
  };
}

function attachNative(video: HTMLVideoElement, url: string, report: Report): Source {
  const onError = () => {
    const media = video.error?.code === MediaError.MEDIA_ERR_DECODE;
    if (media) return report.failed('media', 'The picture could not be decoded.');
    // It tells nobody with which status a request was answered.
    report.refused('The stream could not be loaded.');
  };
  const onProgress = () => report.received();
  video.addEventListener('error', onError);
  video.addEventListener('progress', onProgress);
  video.src = url;
  const edge = () =>
    video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) : null;
  return {
    recover: () => video.load(),
    livePosition: () => {
      const end = edge();
      return end === null ? null : Math.max(0, end - NATIVE_EDGE_SECONDS);
    },
    latency: () => {
      const end = edge();
      return end === null || !Number.isFinite(end) ? null : Math.max(0, end - video.currentTime);
    },
    detach: () => {
      video.removeEventListener('error', onError);
      video.removeEventListener('progress', onProgress);
      video.removeAttribute('src');
      video.load();
    },
  };
}

function policy(firstByteMs: number, loadMs: number, retries: number) {
  const retry = { maxNumRetry: retries, retryDelayMs: 500, maxRetryDelayMs: 2_000 };
  return {
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs: loadMs,
      timeoutRetry: { ...retry, retryDelayMs: 0 },
      errorRetry: retry,
    },
  };
}

function explain(data: ErrorData): string {
  const status = data.response?.code;
  if (status) return `The stream answered with status ${status}.`;
  if (data.details.endsWith('TimeOut')) return 'The stream did not answer in time.';
  if (data.type === 'mediaError') return 'The picture could not be decoded.';
  return 'The stream could not be loaded.';
}
