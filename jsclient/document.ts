/**
 * Reads a property of the document past DOM clobbering: `<img name="hidden">` puts itself before the document's own
 * property, but not before the getter in its prototype.
 */
export const read = <K extends keyof Document>(name: K): Document[K] => Reflect.get(Document.prototype, name, document);
