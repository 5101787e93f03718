// Figures for people.
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const minus = text => text.replace('-', '−');
const plus = (n, text) => (n > 0 ? '+' : '') + minus(text);

// Always three digits, so that a figure that changes every second keeps its width.
function digits(n) {
  const places = Math.abs(n) < 9.995 ? 2 : Math.abs(n) < 99.95 ? 1 : 0;
  return n.toLocaleString('en', {minimumFractionDigits: places, maximumFractionDigits: places});
}

export function bytes(n) {
  let unit = 0;
  while (Math.abs(n) >= 1024 && unit < BINARY.length - 1) {
    n /= 1024;
    unit++;
  }
  return minus(`${unit ? digits(n) : Math.round(n)} ${BINARY[unit]}`);
}

export const count = n => minus(n.toLocaleString('en', {maximumFractionDigits: Math.abs(n) < 10 && n % 1 ? 2 : 0}));

export function duration(ns) {
  const seconds = ns / 1e9, size = Math.abs(seconds);
  if (size < 1e-3) return minus(`${digits(ns / 1e3)} µs`);
  if (size < 1) return minus(`${digits(seconds * 1e3)} ms`);
  if (size < 120) return minus(`${seconds.toFixed(1)} s`);
  if (size < 7200) return minus(`${Math.round(seconds / 60)} min`);
  if (size < 172800) return minus(`${digits(seconds / 3600)} h`);
  return minus(`${digits(seconds / 86400)} days`);
}

// Ages. The clock of the tables ticks every 10 ms.
export const age = ns => ns < 1e7 ? '< 10 ms' : duration(ns);

// For an axis, where figures are round.
export const round = (n, unit) => value(n, unit).replace(/\.0+(?= |$)/, '').replace(/(\.\d)0(?= )/, '$1');

const WRITERS = {bytes, nanoseconds: duration};
export const value = (n, unit) => (WRITERS[unit] || count)(n);
export const signed = (n, unit) => plus(n, value(n, unit));
export const error = (n, unit) => n > 0 ? ` ± ${value(n, unit)}` : '';

export const percent = share =>
  share === 0 ? '0 %' : share < 0.0001 ? '< 0.01 %' : `${(share * 100).toLocaleString('en', {maximumSignificantDigits: 3})} %`;

export const clock = ms => new Date(ms).toLocaleTimeString('en-GB');

// The last two parts of a path are shown. The stack has the whole path.
export const file = (path, line) => path ? path.split('/').slice(-2).join('/') + (line ? `:${line}` : '') : '';
