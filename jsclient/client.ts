/// <reference path="./flags.d.ts" />

// The client defines window.flags while the head is being parsed, from the block that the server wrote before it, and
// keeps the values fresh in the background. A page can neither change the values nor stop the client by its markup, and
// an answer that cannot be used leaves everything as it was.

import { read } from "./document";
import { show } from "./elements";
import { block, parse } from "./values";

let { values, refreshIn = 0, url = "/feature-values", track, etag } = block();
let all: FlagValues;
const isOn = (key: string) => all[key] === true;

/** Keys that were read of these values. No prototype here either. */
let seen: { [key: string]: number };

/** What the server is not told yet: keys that were read, and what was tracked. */
let news: (string | [string, number?])[] = [];

/** Whether the page has a value, which is then noted as read. */
const has = (key: string) => key in all && (seen[key] ||= news.push(key));

/** Makes these the values of the page. No prototype: `__proto__` and `constructor` are keys like any other. */
const take = (values?: FlagValues) => {
  all = Object.freeze({ __proto__: null, ...values });
  seen = { __proto__: null } as any;
  show(Object.keys(all).filter(isOn));
};

const changes = new EventTarget();

/**
 * When to ask again, in milliseconds of the wall clock, which goes on while a machine sleeps. Zero: another tab said
 * that something turned, and this one has not asked since.
 */
let due: number;

/** Half the seconds before the next try after an error; each error doubles it. */
let backoff = 7;

/** The last whole answer. */
let last: string | undefined;

let tabs: BroadcastChannel | undefined;

/** The request under way, shared by everybody who asks meanwhile. */
let pending: Promise<void> | 0;

/** Asks again in so many seconds and up to 14 more, so that browsers do not ask in step. */
const later = (seconds: string | number | null) =>
  // Not a number where the header is missing: then after a pin's whole life.
  (due = Date.now() + ((parseFloat(seconds as string) + 14 * Math.random()) * 1000 || 270_000));

const ask = async () => {
  // A tab that was told tells nobody, or two of them would never stop.
  const told = !due;
  due = 1;
  try {
    const answer = await fetch(location.origin + url, {
      // A request that hangs would be the last one. Not in browsers before 2022.
      signal: AbortSignal.timeout?.(30_000),
      cache: "no-store",
      headers: { "If-None-Match": etag! },
    });
    const text = await answer.text();
    if (answer.status != 304) {
      // Anything but an object is no answer, and parsing nothing throws.
      const values = parse(answer.ok && text[0] == "{" ? text : "");
      // By the text and not by its tag, which a proxy may take away: then every answer comes whole.
      if (last != (last = text)) {
        tell();
        take(values);
        changes.dispatchEvent(new Event("change"));
        if (!told) tabs?.postMessage(0);
      }
    }
    etag = answer.headers.get("ETag")!;
    backoff = 7;
    // What other tabs said during the request may be newer than its answer.
    if (due) later(answer.headers.get("Refresh-In"));
  } catch {
    later((backoff = Math.min(286, backoff * 2)));
  }
};

const refresh = () => (pending ||= ask().finally(() => (pending = 0)));

/** Tells the server what was read and tracked, where it wants to know. What cannot be told keeps the page from nothing. */
const tell = () => {
  try {
    if (track) {
      document.querySelectorAll("[data-flag],[data-flag-off]").forEach((element) => {
        has(element.getAttribute("data-flag")!);
        has(element.getAttribute("data-flag-off")!);
      });
      if (news[0]) navigator.sendBeacon(location.origin + url, JSON.stringify([etag, ...news]));
    }
  } catch {}
  news = [];
};

/**
 * A hidden tab asks and tells nothing: nobody may have looked at it yet, since pages are rendered ahead. It catches up within
 * a second of being shown.
 */
const look = () => {
  if (!read("hidden")) {
    tell();
    if (Date.now() >= due) refresh();
  }
};

take(values);
later(refreshIn);
Object.defineProperty(window, "flags", {
  value: Object.freeze({
    value: (key: string, fallback: any): any => (has(key) ? all[key] : fallback),
    isEnabled: (key: string) => has(key) && isOn(key),
    all: () => all,
    on: (type: string, listener: (all: FlagValues) => void) => {
      const heard = () => listener(all);
      changes.addEventListener(type, heard);
      return () => changes.removeEventListener(type, heard);
    },
    refresh,
    track: (...what: [string, number?]) => void news.push(what),
  } satisfies FlagsClient),
});

// A look at the clock every second, rather than one timer: that would stand still while the machine sleeps, and a tab
// that is shown again, or told by another, would have to set it anew.
setInterval(look, 1000);
addEventListener("pagehide", look);
addEventListener("pageshow", (event) => event.persisted && refresh());

// Where the browser has no channels, or forbids them, each tab turns by itself.
try {
  tabs = new BroadcastChannel("feature-values");
  tabs.onmessage = () => (due = 0);
} catch {}
