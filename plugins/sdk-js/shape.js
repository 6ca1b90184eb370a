// JSON of a known shape: what a site or an operator wrote, checked once.
//
// A shape is 'string', 'boolean', 'number', 'u32' or 'any', a list of one shape
// `[shape]`, or a record `{ name: shape, 'perhaps?': shape }`. What a shape does
// not name is left out; an absent or null `perhaps?` is undefined.

/** The value in its shape. Throws a `Mismatch` at the first wrong place. */
export function shaped(value, shape, at = '') {
  if (Array.isArray(shape)) {
    must(Array.isArray(value), at);
    return value.map((item, index) => shaped(item, shape[0], `${at}/${index}`));
  }
  if (typeof shape === 'object') {
    must(typeof value === 'object' && value !== null && !Array.isArray(value), at);
    return Object.fromEntries(Object.keys(shape).map((key) => field(value, key, shape[key], at)));
  }
  must(SCALARS[shape](value), at);
  return value;
}

/** Where a value differs from its shape, as a JSON pointer; "" is the whole. */
export class Mismatch extends Error {
  /** For a message about the document of that name. */
  in(name) {
    return this.message === '' ? name : `${name}: ${this.message}`;
  }
}

const SCALARS = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  u32: (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32,
  any: () => true,
};

function field(value, key, shape, at) {
  const name = key.replace(/\?$/, '');
  const place = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const found = Object.hasOwn(value, name) ? value[name] : null;
  if (found !== null) return [name, shaped(found, shape, place)];
  must(name !== key, place);
  return [name, undefined];
}

function must(fits, at) {
  if (!fits) throw new Mismatch(at);
}
