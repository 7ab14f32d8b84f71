import { read } from "./document";

let sheet: CSSStyleSheet | undefined;

/**
 * Shows elements marked `data-flag="key"` if the key is among those given, and `data-flag-off="key"` if it is not.
 *
 * One constructed style sheet does it, which a strict content security policy allows: it holds before the first
 * paint, for elements that come later too, and leaves an element's own `display` alone. It stands in a layer because
 * important declarations in a layer win over those outside. Browsers older than constructed sheets (2023) show
 * everything. An app that assigns `document.adoptedStyleSheets` must keep what is in it, and shadow trees are their own.
 */
export const show = (on: string[]) => {
  const any = (attribute: string) => `:is(${on.map((key) => `[${attribute}=${CSS.escape(key)}]`)})`;
  try {
    if (!sheet) read("adoptedStyleSheets").push((sheet = new CSSStyleSheet()));
    sheet.replaceSync(
      `@layer{[data-flag]:not(${any("data-flag")}),${any("data-flag-off")}{display:none!important}}`,
    );
  } catch {}
};
