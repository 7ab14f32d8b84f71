/**
 * window.flags, the feature flags of this page. Its types are global: name this file in `types` or `files` of your
 * tsconfig.json, or refer to it by `/// <reference path="…/flags.d.ts" />`.
 *
 * To have keys and values checked, list yours in a declaration file of your own; without a list every key is allowed:
 *
 *     interface FeatureFlags {
 *       "new-dashboard": boolean;
 *       "checkout-button": string;
 *     }
 */
interface FeatureFlags {}

/** What a flag's variant may be. Objects and arrays are frozen to the last leaf. */
type FlagValue = boolean | string | number | null | readonly FlagValue[] | { readonly [name: string]: FlagValue };

/** All values of the page by key, with no prototype, so that every string is a safe key. */
type FlagValues = { readonly [key: string]: FlagValue };

/** The keys listed in FeatureFlags; any string while it lists none. */
type FlagKey = keyof FeatureFlags extends never ? string : keyof FeatureFlags & string;

/** The value's type as FeatureFlags lists it; otherwise that of the fallback, "Book" counting as any string. */
type FlagValueOf<K extends FlagKey, F> = K extends keyof FeatureFlags
  ? FeatureFlags[K]
  : F extends boolean
    ? boolean
    : F extends string
      ? string
      : F extends number
        ? number
        : F;

/** It is frozen, defined before any other script runs, and needs no `this`: `const { isEnabled } = window.flags`. */
interface FlagsClient {
  /** True only if the flag's value is boolean true; false for a key that the page does not have. */
  isEnabled(key: FlagKey): boolean;

  /** The flag's value, or the fallback if the page does not have that key. The value's type is not checked at run time. */
  value<K extends FlagKey, const F>(key: K, fallback: F): FlagValueOf<K, F>;

  /** All values; the same frozen object until they change. */
  all(): FlagValues;

  /**
   * Calls the listener, with all values, each time they have changed; elements marked `data-flag` already follow them.
   * Returns a function that ends it.
   */
  on(type: "change", listener: (all: FlagValues) => void): () => void;

  /**
   * Asks the server now, even in a hidden tab, or joins the request under way. Resolves when the answer is in force;
   * never rejects: after an error the old values stay and the client tries again by itself.
   */
  refresh(): Promise<void>;

  /**
   * Records something that you measure, such as a booking or its price: a name of lower-case letters, digits, dots, dashes
   * and underscores, and a number from 0 to 10^12. It is told within a second; where the server records nothing, nothing is.
   * A value that cannot be written as JSON is not told, nor is what was tracked in the same second.
   */
  track(name: string, value?: number): void;
}

interface Window {
  readonly flags: FlagsClient;
}
