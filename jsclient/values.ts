import { read } from "./document";

/** What the server writes into the page, directly before this script. */
interface Block {
  values?: FlagValues;
  /** Of the values only, and the same as the endpoint sends. */
  etag?: string;
  /** Seconds that were left of the pin when the page was rendered. */
  refreshIn?: number;
  /** Where the values are asked for again. */
  url?: string;
  /** Whether the server wants to be told there what was read and tracked. */
  track?: 1;
}

/** Parses JSON and freezes it to the last leaf. */
export const parse = (text: string) => JSON.parse(text, (_, value) => Object.freeze(value));

/**
 * The block before this script; empty if there is none, or if it cannot be read. It is found by its place, since ids
 * may occur twice in a page; the id only tells it from other people's data.
 */
export const block = (): Block => {
  try {
    return { ...parse(read("currentScript")!.previousElementSibling!.closest<HTMLScriptElement>("#feature-values")!.text) };
  } catch {
    return {};
  }
};
